"""Each constraint broken once, and data that a schema was inferred from breaking none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extract.schema import EntityType, QualifierType, Relation, Schema
from extract.schemas.check import CONSTRAINTS, check
from extract.structures import Sentence
from tests.extract.cases import sentence_of

SCHEMA = Schema(
    (
        EntityType("Person", disjoint=("Place",), aliases=("PER",)),
        EntityType("Place", id="LOC"),
        EntityType("City", parents=("Place",)),
        EntityType("Year"),
    ),
    (
        Relation("born in", "P19", domain=("Person",), range=("Place",), functional=True),
        Relation("near", domain=("Place",), range=("Place",), symmetric=True),
        Relation("next to", parents=("near",), inverse="near"),
    ),
    (QualifierType("when", relations=("born in", "near"), range=("Year",)),),
)
ENTITIES = [(0, 1, "PER"), (1, 2, "LOC"), (2, 3, "City"), (3, 4, "Year"), (4, 5, "Thing")]


def sentence(*triples: tuple[int, str, int, list[tuple[str, int]]]) -> Sentence:
    return sentence_of("Ann Lund Oslo 1999 it", ENTITIES[:4], triples)


def with_thing(*triples: tuple[int, str, int, list[tuple[str, int]]]) -> Sentence:
    return sentence_of("Ann Lund Oslo 1999 it", ENTITIES, triples)


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        (sentence((0, "born in", 1, []), (0, "near", 1, [])), {("domain", "near: Person"): 1}),
        (sentence((0, "born in", 2, [])), {}),  # a city is a place
        (sentence((0, "P19", 2, [])), {}),
        (sentence((0, "born in", 3, [])), {("range", "born in: Year"): 1}),
        (
            sentence((0, "born in", 1, []), (0, "P19", 2, [])),
            {("functional", "born in"): 1},
        ),
        (sentence((0, "wrote", 1, [])), {("relation", "wrote"): 1}),
        (sentence((0, "born in", 1, [("when", 3)])), {}),
        (sentence((0, "born in", 1, [("when", 2)])), {("qualifier range", "when: City"): 1}),
        (sentence((1, "next to", 2, [("when", 3)])), {}),  # it is below "near", which takes it
        (sentence((0, "born in", 1, [("where", 2)])), {("qualifier", "where"): 1}),
        (with_thing((0, "born in", 4, [])), {("entity type", "Thing"): 1}),
    ],
)
def test_each_breach_is_counted_under_its_constraint(
    given: Sentence, broken: dict[tuple[str, str], int]
) -> None:
    found = check(SCHEMA, [given])
    assert found.broken == broken
    assert found.triples_broken == sum(broken.values())
    assert found.triples == len(given.triples)
    assert {name for name, n in found.totals().items() if n} == {name for name, _ in broken}


def test_qualifier_of_a_relation_that_does_not_take_it() -> None:
    only = replace(SCHEMA, qualifiers=(QualifierType("when", relations=("near",)),))
    found = check(only, [sentence((0, "born in", 1, [("when", 3)]))])
    assert found.broken == {("qualifier relation", "when: born in"): 1}


def test_a_schema_without_qualifiers_says_nothing_of_them() -> None:
    assert not check(
        replace(SCHEMA, qualifiers=()), [sentence((0, "born in", 1, [("x", 2)]))]
    ).broken


def test_disjoint_types_of_one_mention_reach_the_types_below() -> None:
    both = sentence_of("Ann Oslo", [(0, 1, "PER"), (0, 1, "City"), (1, 2, "LOC"), (1, 2, "City")])
    found = check(SCHEMA, [both])
    assert found.broken == {("disjoint", "City and Person"): 1}
    assert found.examples == {("disjoint", "City and Person"): ["Ann"]}


def test_implied_triples_are_told_and_break_nothing() -> None:
    one, other = (1, "near", 2, []), (2, "near", 1, [])
    assert check(SCHEMA, [sentence(one)]).unclosed == {("symmetric", "near"): 1}
    assert not check(SCHEMA, [sentence(one, other)]).unclosed
    assert not check(SCHEMA, [sentence((1, "next to", 2, []), other, one)]).unclosed
    assert check(SCHEMA, [sentence((1, "next to", 2, []))]).unclosed == {("inverse", "next to"): 1}
    assert not check(SCHEMA, [sentence(one)]).broken


def test_examples_are_few_and_the_report_is_sorted_by_frequency() -> None:
    found = check(
        SCHEMA, [sentence((0, "a", 1, []), (0, "b", 1, []))] + [sentence((0, "b", 1, []))] * 5
    )
    said = found.to_dict()
    assert [(row["label"], row["count"]) for row in said["broken"]] == [("b", 6), ("a", 1)]
    assert said["broken"][0]["examples"] == ["Ann | b | Lund"] * 3
    assert list(said["totals"]) == list(CONSTRAINTS)


def test_the_corpus_a_schema_is_inferred_from_fits_it() -> None:
    data = [
        sentence((0, "born in", 1, [("when", 3)]), (1, "near", 2, [])),
        with_thing((0, "born in", 4, [("where", 2)]), (4, "wrote", 3, [])),
    ]
    assert not check(Schema.infer(data), data).broken
