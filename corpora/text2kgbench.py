"""Text2KGBench: sentences with triples of 29 small ontologies, from Wikidata and DBpedia."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft, UniqueIds
from corpora.files import Place, read_json, read_json_lines
from corpora.surface import find_surface, fold
from extract.encoder.words import split_words
from extract.schema import EntityType, Relation, Schema

_TYPE = "Entity"  # for an end to which the ontology gives no concept
_WIKIDATA = re.compile(r"[PQ][0-9]+")

Strings = tuple[str, str, str]


class Text2KgBench(Corpus):
    """JSON lines of a sentence and its triples as strings; ontologies as JSON.

    A train file of the Wikidata part has one triple a line: lines of the same sentence are one
    example. The triples of a test file are taken from the folder `ground_truth` beside its own,
    where that has the file. Strings are looked for in the words of the sentence in several
    forms (see `corpora.surface`); entity types are the domain and range in the ontology.
    """

    name = "text2kgbench"
    title = "Text2KGBench: 10 Wikidata and 19 DBpedia ontologies with sentences"
    licence = "CC BY-SA 4.0"
    source = "https://github.com/cenguix/Text2KGBench"
    citation = (
        "Mihindukulasooriya et al. 2023, Text2KGBench: A Benchmark for Ontology-Driven Knowledge "
        "Graph Generation from Text"
    )
    split_files: ClassVar[SplitFiles] = {"train": ("*/train/*.jsonl",), "test": ("*/test/*.jsonl",)}

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of a file."""
        types = _read_types(path)
        truth = _read_truth(path)
        unique = UniqueIds()
        for id, item in _read_items(path).items():
            triples = item.triples if item.triples is not None else truth.get(id, [])
            yield _read_example(item, triples, types, unique(id))


def read_ontology(path: str | Path) -> Schema:
    """An ontology file as a schema: concepts, and relations with their domain and range.

    Repeated concepts and relations count once, the first one. Ranges that are literal types
    (Date, number) become entity types. A domain or range that is empty, or a Wikidata concept the
    file does not list, is left open, and the type "Entity" added. Raises `CorpusError`.
    """
    return _read_ontology(Path(path))[0]


def ontology_of(path: Path) -> Path | None:
    """The ontology file that belongs to a data file; None if there is none.

    `X/train/ont_1_movie_train.jsonl` belongs to `X/ontologies/1_movie_ontology.json`.
    """
    stem = re.sub(r"_(train|test|ground_truth)$", "", path.stem).removeprefix("ont_")
    ontology = path.parent.parent / "ontologies" / f"{stem}_ontology.json"
    return ontology if ontology.is_file() else None


def read_strings(path: str | Path) -> dict[str, tuple[str, list[Strings]]]:
    """Each sentence of a file by its id, with its triples as the file writes them, whether aligned or not.

    Those of a test file come from its ground truth. Raises `CorpusError`.
    """
    path = Path(path)
    truth = _read_truth(path)
    return {
        id: (item.text, item.triples if item.triples is not None else truth.get(id, []))
        for id, item in _read_items(path).items()
    }


@dataclass(frozen=True, slots=True)
class _Type:
    """What the ontology says of a relation: types of its ends, and its id in Wikidata."""

    subject: str = _TYPE
    object: str = _TYPE
    id: str | None = None


@dataclass(slots=True)
class _Item:
    text: str
    place: Place
    triples: list[Strings] | None = None  # None: the line gives no triples


def _read_ontology(path: Path) -> tuple[Schema, dict[str, _Type]]:
    place, value = read_json(path)
    labels: dict[str, str] = {}
    types: dict[str, EntityType] = {}
    for concept in place.field(value, "concepts", list):
        id, label = (place.field(concept, key, str) for key in ("qid", "label"))
        labels.setdefault(id, label)
        known_id = id if _WIKIDATA.fullmatch(id) else None
        types.setdefault(label, EntityType(label, known_id))
    relations: dict[str, Relation] = {}
    for record in place.field(value, "relations", list):
        id, name, domain, range_ = (
            place.field(record, key, str) for key in ("pid", "label", "domain", "range")
        )
        ends = []
        for end in (domain, range_):
            label = labels.get(end) or ("" if _WIKIDATA.fullmatch(end) else end)
            types.setdefault(label or _TYPE, EntityType(label or _TYPE))
            ends.append((label,) if label else ())
        known_id = id if _WIKIDATA.fullmatch(id) else None
        relations.setdefault(name, Relation(name, known_id, domain=ends[0], range=ends[1]))
    if "" in types or "" in relations:
        raise place.error("expected each concept and relation to have a label, got ''.")
    schema = Schema(
        tuple(types.values()), tuple(relations.values()), name=place.field(value, "id", str)
    )
    known = {
        r.name: _Type((*r.domain, _TYPE)[0], (*r.range, _TYPE)[0], r.id) for r in schema.relations
    }
    return schema, known


def _read_types(path: Path) -> dict[str, _Type]:
    ontology = ontology_of(path)
    return _read_ontology(ontology)[1] if ontology is not None else {}


def _read_truth(path: Path) -> dict[str, list[Strings]]:
    if path.parent.name != "test":
        return {}
    name = path.name.replace("_test", "_ground_truth")
    truth = path.parent.parent / "ground_truth" / name
    if not truth.is_file():
        return {}
    return {id: item.triples or [] for id, item in _read_items(truth).items()}


def _read_items(path: Path) -> dict[str, _Item]:
    """The lines by id; lines of one triple each are put together by their sentence."""
    items: dict[str, _Item] = {}
    by_text: dict[str, _Item] = {}
    for place, record in read_json_lines(path):
        id, text = place.field(record, "id", str), place.field(record, "sent", str)
        if "sub_label" in record:
            keys = ("sub_label", "rel_label", "obj_label")
            triple = _strings(record, keys, place)
            if text in by_text:
                known = by_text[text]
                known.triples = [*(known.triples or []), triple]
                continue
            by_text[text] = item = _Item(text, place, [triple])
        elif "triples" in record:
            rows = place.field(record, "triples", list)
            item = _Item(text, place, [_strings(r, ("sub", "rel", "obj"), place) for r in rows])
        else:
            item = _Item(text, place)
        if id in items:
            raise place.error(f"expected an id of its own, got {id[:60]!r} for the second time.")
        items[id] = item
    return items


def _strings(record: Any, keys: tuple[str, str, str], place: Place) -> Strings:
    subject, relation, object_ = (place.field(record, key, str) for key in keys)
    return subject, relation, object_


def _read_example(item: _Item, triples: list[Strings], types: dict[str, _Type], id: str) -> Example:
    draft = Draft(item.text, split_words(item.text), item.place)
    words = [fold(token.text) for token in draft.tokens]
    aligned = []
    labels: dict[tuple[int, int], str] = {}
    for subject, relation, object_ in triples:
        known = types.get(relation, _Type())
        ends = find_surface(words, subject), find_surface(words, object_)
        if ends[0] is None or ends[1] is None:
            draft.unaligned(subject, relation, object_)
            continue
        # A mention keeps its first type, but any type is better than none.
        for end, label in ((ends[0], known.subject), (ends[1], known.object)):
            if labels.get(end, _TYPE) == _TYPE:
                labels[end] = label
        aligned.append((ends[0], relation, ends[1], known.id))
    for start, relation, end, relation_id in aligned:
        head = draft.mention(*start, labels[start])
        draft.triple(head, relation, draft.mention(*end, labels[end]), relation_id=relation_id)
    return draft.finish(id)
