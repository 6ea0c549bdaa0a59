"""Models on Text2KGBench: each held to each ontology, scored by the benchmark's own measures.

    python -m benchmarks.text2kgbench wikidata-small runs/text2kgbench-wikidata \\
        --part wikidata_tekgen --out benchmarks/results/text2kgbench-wikidata.json

Every ontology with a test file and its ground truth at hand is taken. The model's labels are matched to the
ontology's by name or id (`extract.schemas.names`), and the decoder is held to it. Triples are scored as the
sentence writes them ("as_written") and as the knowledge base does ("as_labels", learnt from the train part:
see `benchmarks.written_forms`). Much of the truth is not said in its sentence: `perfect` and `sayable` are
what one would reach who gives exactly what is (`benchmarks.text2kgbench_truth`).
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import corpora
from benchmarks.text2kgbench_errors import false, lost
from benchmarks.text2kgbench_truth import (
    Found,
    Ontology,
    perfect,
    read_part,
    sayable,
    unsayable,
)
from benchmarks.written_forms import WrittenForms
from corpora.text2kgbench import read_strings
from extract.decode.solvers import SOLVERS
from extract.errors import SchemaError
from extract.evaluation.text2kgbench import Measures, mean, measure
from extract.pipeline import Extractor, load
from extract.schema import Schema
from extract.schemas.names import CanonicalNames
from extract.structures import Document
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
        runs.append(run(model, ontologies, forms, given.threshold, typed=not given.untyped))
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
        "sayable": scored(ontologies, [sayable(o) for o in ontologies], forms),
        "unsayable": counted(unsayable(o) for o in ontologies),
        "runs": runs,
        "environment": environment(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def run(
    model: Extractor,
    ontologies: Sequence[Ontology],
    forms: WrittenForms,
    threshold: float | None,
    *,
    typed: bool,
) -> dict[str, Any]:
    """A model's figures: measures, what became of the truth, and what its false triples are."""
    known = {o.schema.name: known_relations(model, o.schema) for o in ontologies}
    documents = [extracted(model, o, threshold, typed=typed) for o in ontologies]
    both = list(zip(ontologies, documents, strict=True))
    return {
        "model": model.full_name,
        "known_relations": {name: len(relations) for name, relations in known.items()},
        "truth": counted(lost(o, found, set(known[o.schema.name])) for o, found in both),
        "predictions": counted(false(o, found) for o, found in both),
        **scored(ontologies, [strings(o, found) for o, found in both], forms),
    }


def counted(counts: Iterable[Counter[str]]) -> dict[str, int]:
    """The sum of counts, the most frequent first."""
    return dict(sum(counts, Counter()).most_common())


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


def extracted(
    model: Extractor, ontology: Ontology, threshold: float | None, *, typed: bool = True
) -> dict[str, Document]:
    """Each sentence's document; one without triples where the model knows no relation of the ontology."""
    schema = ontology.schema
    if not typed:
        bare = tuple(replace(r, domain=(), range=()) for r in schema.relations)
        schema = Schema((), bare, name=schema.name)
    texts = [(id, text) for id, (text, _) in ontology.sentences.items()]
    try:
        held = model.restricted(schema)
    except SchemaError as error:
        logger.warning("%s", error)
        return {id: Document(text, (), id) for id, text in texts}
    return {
        document.id: document for document in held.extract(texts, threshold=threshold, explain=True)
    }


def strings(ontology: Ontology, documents: Mapping[str, Document]) -> Found:
    """The triples of documents under the ontology's names."""
    names = CanonicalNames(ontology.schema.relations)
    return {
        id: [
            (t.subject.text, names.find(t.relation, t.relation_id) or t.relation, t.object.text)
            for t in document.triples
        ]
        for id, document in documents.items()
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
    bounds = [{"model": name, **result[name]} for name in ("sayable", "perfect")]
    for one in (*bounds, *result["runs"]):
        for way in WAYS:
            rows.append([one["model"], way, *(f"{one['mean'][way][n]:.2f}" for n in names)])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
