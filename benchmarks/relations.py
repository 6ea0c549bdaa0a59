"""What more relations cost: one trained model with 6 to 171 relations, on the same texts in turns.

    python -m benchmarks.relations --out benchmarks/results/relations.json

A schema of n relations has the n relations of which the model finds most candidates on the texts. Where the
model has fewer, the rarer half of its relations is there again under other names, in turns, with the
weights and calibration it has: scores are real ones, and candidates grow as they do by rare relations,
which is what a larger schema adds. So copies are found wherever their originals are, which costs the
decoder no less than relations of their own would; `candidates` and `triples` a text say how much there was
to decode. No figure of quality means anything here. `cost` is time by the clock, and `cpu_cost` that of the
processor, by that of the smallest schema, the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from copy import copy
from dataclasses import replace
from typing import Any

import torch

from benchmarks.measured import Results, loaded, median_ratio, options, sentences_in, texts
from extract.decode.decoder import Decoder
from extract.heads import build_head
from extract.pipeline import Extractor
from extract.predict import Predictor
from extract.schema import Relation, Schema


def main() -> None:
    """Measure all schemas in turns and write one file."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--relations", nargs="+", type=int, default=[6, 24, 62, 96, 171])
    parser.add_argument("--n-texts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    names = ["model", "runtime", "dtype", "threads", "seed", "texts", "n_texts", "rounds"]
    results = Results(arguments, [*names, "relations"])
    results.keep("by_relations", lambda: _measured(arguments))
    print(json.dumps(results.found, indent=1))


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    chosen = texts(arguments)[: arguments.n_texts]
    extractor = loaded(arguments)
    places = by_frequency(extractor, chosen)
    extractors = {n: with_relations(extractor, take(places, n)) for n in arguments.relations}
    seconds: dict[int, list[float]] = {n: [] for n in arguments.relations}
    cpu: dict[int, list[float]] = {n: [] for n in arguments.relations}
    triples: dict[int, int] = {}
    for round_number in range(arguments.rounds + 1):
        for n, one in extractors.items():
            started, cpu_started = time.perf_counter(), time.process_time()
            triples[n] = sum(len(list(d.triples)) for d in one.extract(chosen))
            if round_number:  # the first one warms up
                seconds[n].append(time.perf_counter() - started)
                cpu[n].append(time.process_time() - cpu_started)
    least = min(arguments.relations)
    return {
        str(n): {
            "seconds": [round(s, 3) for s in seconds[n]],
            "cost": median_ratio(seconds[n], seconds[least]),
            "cpu_cost": median_ratio(cpu[n], cpu[least]),
            "candidates": round(_n_candidates(one, chosen) / len(chosen), 2),
            "triples": round(triples[n] / len(chosen), 2),
        }
        for n, one in extractors.items()
    }


def _n_candidates(extractor: Extractor, chosen: list[str]) -> int:
    found = extractor._predictor.candidates(sentences_in(extractor, chosen))
    return sum(len(candidates.triples) for candidates in found)


def by_frequency(extractor: Extractor, chosen: list[str]) -> list[int]:
    """Places of the model's relations, those with most candidate triples on the texts first."""
    counts: Counter[int] = Counter()
    for candidates in extractor._predictor.candidates(sentences_in(extractor, chosen)):
        counts.update(candidates.triples[:, 1].tolist())
    return sorted(range(len(extractor.schema.relations)), key=lambda place: -counts[place])


def take(places: list[int], n: int) -> list[int]:
    """The first `n` places, and beyond them those of the second half again and again."""
    rare = places[len(places) // 2 :]
    return [
        places[at] if at < len(places) else rare[(at - len(places)) % len(rare)] for at in range(n)
    ]


def with_relations(extractor: Extractor, places: list[int]) -> Extractor:
    """An extractor whose relations are those at `places` of the model's; one named again is another one."""
    predictor, old = extractor._predictor, extractor._decoder
    if not isinstance(predictor, Predictor):
        raise SystemExit("Expected a model alone, got a stack. Choose one of its members.")
    schema = _schema(extractor.schema, places)
    model = predictor.model
    head = build_head(model.settings.head, schema, model.encoder.hidden)
    axes = model.head.label_axes()
    index = torch.tensor(places)
    weights = model.head.state_dict()
    for name, kinds in axes.items():
        for axis, kind in enumerate(kinds):
            if kind == "relations":
                weights[name] = weights[name].index_select(axis, index)
    head.load_state_dict(weights)
    other = copy(model)
    other._modules = dict(model._modules)  # the same encoder, another head
    other.head, other.schema = head, schema
    changed = copy(predictor)
    changed.model = other.eval()
    calibration = old.calibration
    if calibration.relations:
        shifts = tuple(calibration.relations[place] for place in places)
        calibration = calibration.model_copy(update={"relations": shifts})
    decoder = Decoder(schema, nested=old.nested, calibration=calibration, thresholds=old.thresholds)
    found = copy(extractor)
    found._predictor, found._decoder = changed, decoder
    return found


def _schema(schema: Schema, places: list[int]) -> Schema:
    seen: Counter[int] = Counter()
    relations: list[Relation] = []
    for place in places:
        relation = schema.relations[place]
        seen[place] += 1
        name = relation.name if seen[place] == 1 else f"{relation.name} {seen[place]}"
        # What refers to other relations may refer to none that is there.
        plain = replace(relation, name=name, inverse=None, parents=(), aliases=(), iri=None)
        relations.append(plain)
    originals = [schema.relations[place].name for place in places]
    # A qualifier none of whose relations is left admits all: it costs more then, not less.
    qualifiers = tuple(
        replace(
            q,
            relations=tuple(
                r.name for r, of in zip(relations, originals, strict=True) if of in q.relations
            ),
        )
        for q in schema.qualifiers
    )
    return replace(schema, relations=tuple(relations), qualifiers=qualifiers)


if __name__ == "__main__":
    main()
