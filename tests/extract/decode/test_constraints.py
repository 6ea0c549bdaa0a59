"""The schema as index tables."""

from __future__ import annotations

from extract.decode.constraints import Constraints
from extract.schema import EntityType, QualifierType, Relation, Schema


def test_tables_hold_what_the_schema_says() -> None:
    schema = Schema(
        tuple(EntityType(t) for t in ("A", "B", "C")),
        (Relation("r", domain=("B",), range=("A", "C"), functional=True), Relation("s")),
        (QualifierType("q", relations=("s",), range=("C",)), QualifierType("p")),
    )
    tables = Constraints.from_schema(schema, nested=True)
    assert tables.domain.tolist() == [[False, True, False], [True, True, True]]
    assert tables.range.tolist() == [[True, False, True], [True, True, True]]
    assert tables.functional.tolist() == [True, False]
    assert tables.takes.tolist() == [[False, True], [True, True]]
    assert tables.value_range.tolist() == [[False, False, True], [True, True, True]]
    assert tables.nested
    assert not Constraints.from_schema(schema, nested=False).nested


def test_tables_of_a_schema_without_relations_are_empty() -> None:
    tables = Constraints.from_schema(Schema((EntityType("A"),)), nested=False)
    assert tables.domain.shape == (0, 1)
    assert tables.takes.shape == (0, 0)
    assert tables.functional.shape == (0,)
