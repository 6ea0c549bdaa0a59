"""Models on Text2KGBench: each held to each ontology, scored by the benchmark's own measures.

    python -m benchmarks.text2kgbench wikidata-small runs/text2kgbench-wikidata \\
        --part wikidata_tekgen --out benchmarks/results/text2kgbench-wikidata.json

Every ontology with a test file and its ground truth at hand is taken. The model's labels are matched to the
ontology's by name or id (`extract.schemas.names`), and the decoder is held to it. Triples are scored as the
sentence writes them ("as_written") and as the knowledge base does ("as_labels", learnt from the train part:
see `benchmarks.written_forms`). Much of the truth is not said in its sentence: `perfect` is what one would
reach who gives exactly the triples of the truth whose ends the corpus reader finds there.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import corpora
from benchmarks.written_forms import Names, WrittenForms
from corpora.text2kgbench import ontology_of, read_ontology, read_strings
from extract.decode.solvers import SOLVERS
from extract.errors import CorpusError, SchemaError
from extract.evaluation.text2kgbench import Measures, Strings, mean, measure
from extract.pipeline import Extractor, load
from extract.schema import Schema
from extract.schemas.names import CanonicalNames
from extract.versions import environment

logger = logging.getLogger(__name__)

PARTS = ("wikidata_tekgen", "dbpedia_webnlg")
# Means over 10 and 19 ontologies, from the paper's table of averages.
PUBLISHED = {
    "wikidata_tekgen": {"Vicuna-13B": {"f1": 0.35, "conformance": 0.84}},
    "dbpedia_webnlg": {"Vicuna-13B": {"f1": 0.30, "conformance": 0.93}},
}
WAYS = ("as_written", "as_labels")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, run the models, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["wikidata-small"], metavar="MODEL")
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--folder", type=Path, default=None, help="default: in $TRIPACK_CORPORA")
    parser.add_argument("--decoder", choices=SOLVERS, default="greedy")
    parser.add_argument(
        "--untyped", action="store_true", help="hold models to the relations, not to their types"
    )
    parser.add_argument("--threshold", type=float, default=None, help="default: the model's own")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    folder = given.folder or corpora.locate("text2kgbench")
    ontologies = read_part(folder / given.part)
    forms = WrittenForms.learn(
        item
        for path in sorted((folder / given.part / "train").glob("*.jsonl"))
        for item in read_strings(path).values()
    )
    runs = []
    for name in given.models:
        model = load(name, decoder=given.decoder, threads=given.threads, device=given.device)
        found = [
            predicted(model, ontology, given.threshold, typed=not given.untyped)
            for ontology in ontologies
        ]
        known = {o.schema.name: len(known_relations(model, o.schema)) for o in ontologies}
        own = {"model": model.full_name, "known_relations": known}
        runs.append(own | scored(ontologies, found, forms))
    result = {
        "part": given.part,
        "ontologies": {
            o.schema.name: {
                "relations": len(o.schema.relations),
                "sentences": len(o.sentences),
                "triples": sum(len(truth) for _, truth in o.sentences.values()),
            }
            for o in ontologies
        },
        "decoder": given.decoder,
        "threshold": given.threshold,
        "typed": not given.untyped,
        "published": PUBLISHED[given.part],
        "perfect": scored(ontologies, [perfect(o) for o in ontologies], forms),
        "runs": runs,
        "environment": environment(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


@dataclass(frozen=True, slots=True)
class Ontology:
    """An ontology and its test sentences: text and truth by id."""

    schema: Schema
    sentences: dict[str, tuple[str, list[Strings]]]


def read_part(folder: Path) -> list[Ontology]:
    """The ontologies of a part that have a test file with ground truth. Raises `CorpusError`."""
    found = []
    for path in sorted(folder.glob("test/*_test.jsonl"), key=lambda p: int(p.stem.split("_")[1])):
        ontology, sentences = ontology_of(path), read_strings(path)
        # A sentence without truth is not scored, as in the benchmark's script.
        sentences = {id: item for id, item in sentences.items() if item[1]}
        if ontology is None or not sentences:
            logger.warning("%s: left out, without %s", path, "truth" if ontology else "ontology")
            continue
        found.append(Ontology(read_ontology(ontology), sentences))
    if not found:
        raise CorpusError(
            f"No test file with ground truth in {folder}/test. Expected ont_*_test.jsonl."
        )
    return found


Found = dict[str, list[Strings]]  # triples of each sentence, by its id


def scored(
    ontologies: Sequence[Ontology], found: Sequence[Found], forms: WrittenForms
) -> dict[str, Any]:
    """Measures of the triples found for each ontology, and their mean, in both ways of writing."""
    measures = [
        {way: measured(ontology, own, forms, way) for way in WAYS}
        for ontology, own in zip(ontologies, found, strict=True)
    ]
    return {
        "mean": {way: _rounded(mean([own[way] for own in measures])) for way in WAYS},
        "ontologies": {
            ontology.schema.name: {way: _rounded(own[way]) for way in WAYS}
            for ontology, own in zip(ontologies, measures, strict=True)
        },
    }


def measured(ontology: Ontology, found: Found, forms: WrittenForms, way: str) -> Measures:
    """The mean of an ontology's sentences."""
    schema = ontology.schema
    return mean(
        [
            measure(
                text,
                truth,
                [forms.write(t) for t in found[id]] if way == "as_labels" else found[id],
                schema.relation_names,
                schema.entity_names,
            )
            for id, (text, truth) in ontology.sentences.items()
        ]
    )


def perfect(ontology: Ontology) -> Found:
    """The triples of the truth both of whose ends stand in the sentence, as it writes them."""
    found: Found = {}
    for id, (text, truth) in ontology.sentences.items():
        names, own = Names(text), []
        for subject, relation, object_ in truth:
            ends = names.find(subject), names.find(object_)
            if ends[0] is not None and ends[1] is not None:
                own.append((ends[0], relation, ends[1]))
        found[id] = own
    return found


def predicted(
    model: Extractor, ontology: Ontology, threshold: float | None, *, typed: bool = True
) -> Found:
    """Triples of each sentence under the ontology's names; none where the model knows no relation of it."""
    schema = ontology.schema
    if not typed:
        bare = tuple(replace(r, domain=(), range=()) for r in schema.relations)
        schema = Schema((), bare, name=schema.name)
    try:
        held = model.restricted(schema)
    except SchemaError as error:
        logger.warning("%s", error)
        return {id: [] for id in ontology.sentences}
    names = CanonicalNames(ontology.schema.relations)
    texts = [(id, text) for id, (text, _) in ontology.sentences.items()]
    return {
        document.id: [
            (t.subject.text, names.find(t.relation, t.relation_id) or t.relation, t.object.text)
            for t in document.triples
        ]
        for document in held.extract(texts, threshold=threshold)
    }


def known_relations(model: Extractor, schema: Schema) -> list[str]:
    """The ontology's relations that the model can give."""
    names = CanonicalNames(schema.relations)
    found = {names.match(relation) for relation in model.schema.relations}
    return [name for name in schema.relation_names if name in found]


def _rounded(measures: Measures) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(measures).items()}


def table(result: dict[str, Any]) -> str:
    """The means as a markdown table beside the published figures."""
    names = list(asdict(Measures(*[0.0] * 7)))
    rows = [["system", "strings", *names]]
    for system, figures in result["published"].items():
        rows.append(
            [system, "published", *(f"{figures[n]:.2f}" if n in figures else "" for n in names)]
        )
    for run in ({"model": "perfect", **result["perfect"]}, *result["runs"]):
        for way in WAYS:
            rows.append([run["model"], way, *(f"{run['mean'][way][n]:.2f}" for n in names)])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
