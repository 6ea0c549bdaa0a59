"""Canonical names by name, id, IRI and alias."""

from __future__ import annotations

from extract.schema import EntityType, QualifierType, Relation
from extract.schemas.names import CanonicalNames

RELATIONS = [
    Relation("spouse", "P26", aliases=("married to", "P19"), iri="http://e.org/P26"),
    Relation("born in", "P19", aliases=("spouse",)),
]


def test_each_way_to_name_a_relation_gives_its_canonical_name() -> None:
    names = CanonicalNames(RELATIONS)
    for known_as in ("spouse", "P26", "http://e.org/P26", "married to"):
        assert names.find(known_as) == "spouse"
    assert names.find("Spouse") is None
    assert names.find(None) is None
    assert names.find("unknown", None, "P26") == "spouse"


def test_a_name_goes_before_an_id_and_that_before_an_alias() -> None:
    names = CanonicalNames(RELATIONS)
    assert names.find("spouse") == "spouse"  # an alias of the other
    assert names.find("P19") == "born in"  # an alias of the first


def test_items_of_two_schemas_match_by_any_of_their_names() -> None:
    names = CanonicalNames(RELATIONS)
    assert names.match(Relation("wed", "P26")) == "spouse"
    assert names.match(Relation("wed", iri="http://e.org/P26")) == "spouse"
    assert names.match(Relation("wed", aliases=("married to",))) == "spouse"
    assert names.match(Relation("wed", "P1")) is None
    assert CanonicalNames([QualifierType("q", "P1")]).match(EntityType("P1")) == "q"
