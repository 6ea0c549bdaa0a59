"""Three small documents as `tripack extract` writes them, and the graph they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extract.kg.builder import build_graph
from extract.kg.facts import facts_of
from extract.kg.structures import DocumentFacts, Graph

MODEL = "made-by-hand 1.0.0"
PARKER = "Leonard Parker received his PhD from Harvard in 1967. Parker later taught at Yale."
STUDENT = "Leonard Parker studied at Harvard. He was born in 1938."
COMPANY = "International Business Machines (IBM) hired Ada Kühn. IBM sits in Armonk."


def records() -> list[dict[str, Any]]:
    """The documents, one object each: names to be merged, a literal, a qualifier, an id with a slash."""
    first, then = (0, 53), (54, len(PARKER))
    return [
        _document(
            "doc/1",
            PARKER,
            _triple(PARKER, "Leonard Parker", ("educated at", "P69"), "Harvard", first)
            | {"qualifiers": [_qualifier(PARKER, "end time", "P582", "1967")]},
            _triple(PARKER, (54, "Parker"), ("employer", "P108"), "Yale", then),
        ),
        _document(
            "doc 2",
            STUDENT,
            _triple(STUDENT, "Leonard Parker", ("educated at", "P69"), "Harvard", (0, 34)),
            _triple(STUDENT, "Leonard Parker", ("year_of birth", None), "1938", (35, len(STUDENT))),
        ),
        _document(
            "doc-3",
            COMPANY,
            _triple(COMPANY, "Ada Kühn", ("employer", "P108"), (33, "IBM"), (0, 53)),
            _triple(COMPANY, (54, "IBM"), ("located in", "P276"), "Armonk", (54, len(COMPANY))),
            entities=[_entity(COMPANY, "International Business Machines")],
        ),
    ]


def documents() -> list[DocumentFacts]:
    """The facts of the documents."""
    return [facts_of(record) for record in records()]


def graph() -> Graph:
    """The graph of the documents."""
    return build_graph(documents())


def write_records(path: Path, *numbers: int) -> Path:
    """Write the documents as JSON Lines, or those of these numbers, in that order."""
    found = records()
    chosen = [found[number] for number in numbers] if numbers else found
    path.write_text("".join(json.dumps(one) + "\n" for one in chosen), encoding="utf-8")
    return path


_TYPES = {
    **dict.fromkeys(("Leonard Parker", "Parker", "Ada Kühn"), "PER"),
    **dict.fromkeys(("Harvard", "Yale", "IBM", "International Business Machines"), "ORG"),
    **{"1967": "TIME", "1938": "TIME", "Armonk": "LOC"},
}
Place = str | tuple[int, str]  # a text where it first stands, or from a character on


def _entity(text: str, place: Place) -> dict[str, Any]:
    at, part = place if isinstance(place, tuple) else (0, place)
    start = text.index(part, at)
    return {"text": part, "start": start, "end": start + len(part), "label": _TYPES[part]}


def _qualifier(text: str, label: str, id: str, value: str) -> dict[str, Any]:
    return {"label": label, "label_id": id, "value": _entity(text, value), "score": 0.81}


def _triple(
    text: str,
    subject: Place,
    relation: tuple[str, str | None],
    object_: Place,
    sentence: tuple[int, int],
) -> dict[str, Any]:
    return {
        "subject": _entity(text, subject),
        "relation": relation[0],
        "relation_id": relation[1],
        "object": _entity(text, object_),
        "qualifiers": [],
        "score": 0.9,
        "sentence": list(sentence),
    }


def _document(
    id: str, text: str, *triples: dict[str, Any], entities: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    ends = [triple[end] for triple in triples for end in ("subject", "object")]
    return {
        "id": id,
        "text": text,
        "entities": [*(entities or []), *ends],
        "triples": list(triples),
        "model": MODEL,
    }
