"""Annotated windows and sentences shared by the tests of heads that read texts with markers."""

from __future__ import annotations

from typing import Any

from extract.heads import GoldWindow
from extract.schema import EntityType, Relation, Schema
from tests.extract.cases import sentence_of

SCHEMA = Schema(
    tuple(EntityType(f"E{i}") for i in range(3)),
    (Relation("r0"), Relation("r1", symmetric=True), Relation("r2")),
)
ALL: dict[str, Any] = {
    "entity_types": frozenset(range(3)),
    "relations": frozenset(range(3)),
    "qualifier_labels": frozenset(),
}
GOLD = GoldWindow(
    entities=((0, 2, 0), (3, 5, 1), (4, 5, 2)),
    triples=((0, 2, 0, 3, 5), (3, 5, 1, 4, 5), (4, 5, 2, 0, 2), (0, 2, 0, 0, 2)),
    qualifiers=(),
    **ALL,
)
SENTENCES = [
    sentence_of("born in 1879 at Ulm , she taught physics at Zurich until 1914 ."),
    sentence_of("the rocket left Houston !"),
    sentence_of("Marie Curie worked with Pierre Curie in Paris ; both won prizes in Stockholm ."),
    sentence_of("yes"),
]
WIDE_OPEN = {"span_floor": -1e3, "triple_floor": -1e3, "max_spans": 6}
