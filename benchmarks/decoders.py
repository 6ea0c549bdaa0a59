"""What the decoder does for a model: the same candidates, decoded by greedy, beam and exact search.

    python -m benchmarks.decoders runs/conll04-minilm-13 --out benchmarks/results/decoders-conll04-minilm.json
    python -m benchmarks.decoders RUN --corpus hyperred --dev 500 --decoders greedy exact cp-sat --out FILE

Each way is scored with the constraints of the schema and without the types that it asks of ends and values
("untyped"). Unconstrained output has every span, triple and qualifier above its threshold, each span with
its best type, and the ends and values that these lack. `broken` is the share of sentences whose output
breaks a constraint of the schema, by the rules that decoders obey; `breaches` counts what of the output
breaks the schema by `extract.schemas.check`, which shares no code with them. Decoding is timed a sentence,
candidates in and selection out, and so is the encoder's forward pass on each sentence's windows. Times are
of the processor, so that other work on the machine does not count; with one thread they are what passes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.networks import bare_encoder
from extract.decode.base import Selection, Solver
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.decode.items import Items
from extract.decode.solvers import SOLVERS, make_solver
from extract.decode.standard import rulebook
from extract.evaluation.metrics import relation_score
from extract.interfaces.cli.gold import read_gold
from extract.pipeline import Extractor, load
from extract.schemas.check import check
from extract.structures import Sentence
from extract.training.finish import bare
from extract.versions import environment


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, decode every run's candidates in every way, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN", help="models")
    parser.add_argument("--corpus", default="conll04")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--path", type=Path, default=None, help="default: in $TRIPACK_CORPORA")
    parser.add_argument(
        "--decoders", nargs="+", choices=SOLVERS, default=["greedy", "beam", "exact"]
    )
    parser.add_argument("--dev", type=int, default=None, help="documents cut from train as dev")
    parser.add_argument("--seed", type=int, default=0, help="of that cut")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    examples = read_gold(given.corpus, given.split, None, given.path, given.dev, given.seed)
    gold = [example.sentence for example in examples]
    result = {
        "corpus": given.corpus,
        "split": given.split,
        "sentences": len(gold),
        "threads": given.threads,
        "runs": [
            measured(gold, load(run, threads=given.threads), given.decoders) for run in given.runs
        ],
        "environment": environment(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["runs"], indent=1))


def measured(gold: Sequence[Sentence], model: Extractor, decoders: Sequence[str]) -> dict[str, Any]:
    """All figures of one model under the decoders named."""
    found = model._predictor.candidates(gold)
    ways: dict[str, Any] = {"unconstrained": decoded(gold, found, model._decoder, Everything())}
    for name in decoders:
        for typed in (True, False):
            key = name if typed else f"{name}, untyped"
            solver = make_solver(name)
            ways[key] = decoded(gold, found, model._decoder, solver, typed=typed)
    return {
        "model": model.full_name,
        "encoder_ms": _milliseconds(encoder_seconds(gold, model)),
        "decoders": ways,
    }


def decoded(
    gold: Sequence[Sentence],
    found: Sequence[Candidates],
    decoder: Decoder,
    solver: Solver,
    *,
    typed: bool = True,
) -> dict[str, Any]:
    """F1, worth, breaches and times of one way to decode."""
    noting = Noting(solver, typed=typed)
    own = replace(decoder, solver=noting)
    pred = [own.decode(None, bare(g), one) for g, one in zip(gold, found, strict=True)]
    return {
        "strict": relation_score(gold, pred, "strict").to_dict(),
        "boundary": relation_score(gold, pred, "boundary").to_dict(),
        "worth": round(noting.worth, 3),
        "broken": round(noting.n_broken / max(1, len(gold)), 4),
        "breaches": sum(check(decoder.schema, pred).totals().values()),
        "decode_ms": _milliseconds(noting.seconds),
    }


class Everything(Solver):
    """No constraint at all; see the module's docstring."""

    def solve(self, candidates: Candidates, constraints: Constraints) -> Selection:
        """All rows above 0, and what they name."""
        triples = np.flatnonzero(candidates.triple_scores > 0)
        qualifiers = np.flatnonzero(candidates.qualifier_scores > 0)
        qualifiers = qualifiers[np.isin(candidates.qualifiers[qualifiers, 0], triples)]
        rows = set(np.flatnonzero((candidates.entity_scores > 0).any(axis=1)).tolist())
        rows |= set(candidates.triples[triples][:, [0, 2]].reshape(-1).tolist())
        rows |= set(candidates.qualifiers[qualifiers, 2].tolist())
        entities = [(row, int(candidates.entity_scores[row].argmax())) for row in sorted(rows)]
        return Selection(tuple(entities), tuple(triples.tolist()), tuple(qualifiers.tolist()))


class Noting(Solver):
    """Another solver, whose times, worth and breaches of the constraints it was handed are noted."""

    def __init__(self, solver: Solver, *, typed: bool) -> None:
        self.solver = solver
        self.typed = typed
        self.seconds: list[float] = []
        self.n_broken = 0
        self.worth = 0.0

    def solve(self, candidates: Candidates, constraints: Constraints) -> Selection:
        """What the other solver gives, untyped if so wanted."""
        limits = constraints if self.typed else constraints.untyped()
        started = time.process_time()
        selection = self.solver.solve(candidates, limits)
        self.seconds.append(time.process_time() - started)
        book = rulebook(Items(candidates), constraints)
        kept = book.items.of(selection)
        self.worth += book.worth(kept)
        self.n_broken += any(book.rivals(i, kept) or book.unmet(i, kept) for i in kept)
        return selection


def encoder_seconds(gold: Sequence[Sentence], model: Extractor) -> list[float]:
    """The encoder's forward pass over the windows of each sentence, after one round to warm up."""
    predictor = model._predictor
    encoder = bare_encoder(predictor.model)
    batches = [predictor.windower.batch(predictor.windower.windows([s])) for s in gold]
    seconds: list[float] = []
    for _ in range(2):
        seconds = []
        for batch in batches:
            started = time.process_time()
            with torch.inference_mode(), predictor.precision():
                encoder(input_ids=batch.piece_ids, attention_mask=batch.piece_mask)
            seconds.append(time.process_time() - started)
    return seconds


def _milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(1000 * float(np.median(seconds)), 3),
        "p99": round(1000 * float(np.percentile(seconds, 99)), 3),
    }


if __name__ == "__main__":
    main()
