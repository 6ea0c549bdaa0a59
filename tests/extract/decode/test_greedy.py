"""Greedy decoding: never inconsistent, and what it decides in hand cases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.decode.base import Selection
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.greedy import GreedySolver
from extract.schema import QualifierType, Relation, Schema
from tests.extract.decode.cases import (
    candidate_sets,
    candidates_of,
    check,
    schema_of,
    schemas,
    worth,
)

PER, ORG, TIME = range(3)


def solve(schema: Schema, found: Candidates, *, nested: bool = False) -> Selection:
    return GreedySolver().solve(found, Constraints.from_schema(schema, nested=nested))


@given(schemas(), candidate_sets(), st.booleans())
@settings(max_examples=500, deadline=None)
def test_selection_never_breaks_a_rule_and_never_loses_by_a_step(
    schema: Schema, found: Candidates, nested: bool
) -> None:
    kept = solve(schema, found, nested=nested)
    check(schema, nested, found, kept)
    # Triples and qualifiers are only added where they pay, entities retyped included.
    bare = candidates_of(
        [(*span, row) for span, row in zip(found.spans.tolist(), found.entity_scores, strict=True)]
    )
    assert worth(found, kept) >= worth(bare, solve(schema, bare, nested=nested)) - 1e-4


@given(candidate_sets())
@settings(deadline=None)
def test_selection_is_optimal_where_nothing_competes(found: Candidates) -> None:
    # Nested spans, every type fits everywhere, and ends that are kept anyway: take all above 0.
    found.entity_scores[:, 1] = abs(found.entity_scores[:, 1]) + 0.5
    schema = schema_of([Relation("r0"), Relation("r1")], [QualifierType("q0"), QualifierType("q1")])
    kept = solve(schema, found, nested=True)
    best = found.entity_scores.argmax(axis=1).tolist()
    assert kept.entities == tuple(enumerate(best))
    assert kept.triples == tuple(i for i, s in enumerate(found.triple_scores.tolist()) if s > 0)
    assert kept.qualifiers == tuple(
        i
        for i, (t, _, v) in enumerate(found.qualifiers.tolist())
        if found.qualifier_scores[i] > 0
        and t in kept.triples
        and v not in (found.triples[t, 0], found.triples[t, 2])
    )


WORKS = schema_of([Relation("employer", domain=("PER",), range=("ORG",))])
ANY = schema_of([Relation("r")])


def test_entities_above_zero_are_kept_and_others_dropped() -> None:
    found = candidates_of([(0, 1, (2, 1, -1)), (2, 3, (-1, -2, -3)), (4, 5, (-1, 0, -2))])
    assert solve(ANY, found).entities == ((0, PER),)


def test_retyping_an_end_that_pays() -> None:
    # The subject is rather ORG (2 against 1): as PER it costs 1, the triple brings 3.
    found = candidates_of([(0, 1, (1, 2, -3)), (2, 3, (-3, 4, -3))], [(0, 0, 1, 3.0)])
    kept = solve(WORKS, found)
    assert kept == Selection(((0, PER), (1, ORG)), (0,), ())


def test_retyping_an_end_that_does_not_pay() -> None:
    found = candidates_of([(0, 1, (1, 5, -3)), (2, 3, (-3, 4, -3))], [(0, 0, 1, 3.0)])
    kept = solve(WORKS, found)
    assert kept == Selection(((0, ORG), (1, ORG)), (), ())


def test_retyping_keeps_to_the_types_of_triples_that_already_stand() -> None:
    schema = schema_of(
        [
            Relation("a", domain=("PER",)),
            Relation("b", domain=("ORG",)),
            Relation("c", domain=("PER", "ORG")),
        ]
    )
    spans = [(0, 1, (2, 1.5, -3)), (2, 3, (3, 3, 3))]
    found = candidates_of(spans, [(0, 0, 1, 5.0), (0, 1, 1, 4.0), (0, 2, 1, 1.0)])
    kept = solve(schema, found)
    assert kept.triples == (0, 2)
    assert dict(kept.entities)[0] == PER


@pytest.mark.parametrize(("score", "kept"), [(1.5, True), (1.0, False), (0.5, False)])
def test_triple_brings_in_an_end_below_zero_only_if_it_pays(score: float, kept: bool) -> None:
    found = candidates_of([(0, 1, (2, -3, -3)), (2, 3, (-3, -1, -3))], [(0, 0, 1, score)])
    selection = solve(WORKS, found)
    assert selection.triples == ((0,) if kept else ())
    assert dict(selection.entities) == ({0: PER, 1: ORG} if kept else {0: PER})


def test_functional_relation_keeps_its_best_object_of_each_subject() -> None:
    schema = schema_of([Relation("r", functional=True), Relation("s")])
    spans = [(i, i + 1, (2, 2, 2)) for i in range(4)]
    found = candidates_of(
        spans, [(0, 0, 1, 1.0), (0, 0, 2, 3.0), (3, 0, 1, 0.5), (0, 1, 1, 1.0), (0, 1, 2, 1.0)]
    )
    assert solve(schema, found).triples == (1, 2, 3, 4)


def test_flat_keeps_the_better_of_overlapping_spans_and_nested_both() -> None:
    found = candidates_of([(0, 3, (2, -1, -1)), (1, 2, (-1, 3, -1)), (3, 4, (1, -1, -1))])
    assert solve(ANY, found).entities == ((1, ORG), (2, PER))
    assert solve(ANY, found, nested=True).entities == ((0, PER), (1, ORG), (2, PER))


def test_flat_refuses_a_triple_between_spans_that_share_a_word() -> None:
    found = candidates_of([(0, 2, (-1, -1, -1)), (1, 3, (-1, -1, -1))], [(0, 0, 1, 9.0)])
    assert solve(ANY, found) == Selection((), (), ())
    assert solve(ANY, found, nested=True).triples == (0,)


def test_flat_refuses_an_end_that_crosses_a_kept_span() -> None:
    found = candidates_of(
        [(0, 1, (2, 2, 2)), (2, 4, (5, 5, 5)), (3, 5, (-1, -1, -1))], [(0, 0, 2, 9.0)]
    )
    kept = solve(ANY, found)
    assert [row for row, _ in kept.entities] == [0, 1]
    assert kept.triples == ()


TIMED = schema_of(
    [Relation("r"), Relation("s")], [QualifierType("when", relations=("r",), range=("TIME",))]
)
SPANS = [(0, 1, (3, 0, -9)), (2, 3, (3, 0, -9)), (4, 5, (-9, 1, 0.5)), (6, 7, (-9, -9, -2))]


@pytest.mark.parametrize(
    ("qualifier", "kept"),
    [
        ((0, 0, 2, 1.0), True),  # retypes its value from ORG to TIME for half a point
        ((0, 0, 2, 0.4), False),
        ((0, 0, 3, 2.5), True),  # brings in a value below 0
        ((0, 0, 3, 1.5), False),
        ((0, 0, 0, 20.0), False),  # the subject itself
        ((0, 0, 1, 20.0), False),  # the object itself
        ((1, 0, 2, 20.0), False),  # "s" takes no "when"
        ((2, 0, 2, 20.0), False),  # its triple is not kept
    ],
)
def test_qualifier_rules(qualifier: tuple[int, int, int, float], kept: bool) -> None:
    triples = [(0, 0, 1, 1.0), (0, 1, 1, 1.0), (1, 0, 0, -1.0)]
    found = candidates_of(SPANS, triples, [qualifier])
    selection = solve(TIMED, found)
    assert selection.triples == (0, 1)
    assert selection.qualifiers == ((0,) if kept else ())
    check(TIMED, False, found, selection)


def test_qualifier_value_that_is_an_end_elsewhere_keeps_the_type_that_end_needs() -> None:
    schema = schema_of(
        [Relation("r"), Relation("s", range=("ORG",))], [QualifierType("when", range=("TIME",))]
    )
    found = candidates_of(SPANS[:3], [(0, 0, 1, 1.0), (0, 1, 2, 1.0)], [(0, 0, 2, 20.0)])
    kept = solve(schema, found)
    assert kept.triples == (0, 1)
    assert dict(kept.entities)[2] == ORG
    assert kept.qualifiers == ()


def test_one_value_may_serve_many_triples_and_a_pair_many_relations() -> None:
    schema = schema_of([Relation("r"), Relation("s")], [QualifierType("q"), QualifierType("p")])
    spans = [(i, i + 1, (2, 1, 1)) for i in range(3)]
    found = candidates_of(
        spans,
        [(0, 0, 1, 1.0), (0, 1, 1, 1.0), (1, 0, 0, 1.0), (2, 0, 0, 1.0)],
        [(0, 0, 2, 1.0), (0, 1, 2, 1.0), (1, 0, 2, 1.0), (2, 0, 2, 1.0)],
    )
    kept = solve(schema, found)
    assert kept.triples == (0, 1, 2, 3)
    assert kept.qualifiers == (0, 1, 2, 3)


def test_no_candidates_give_nothing() -> None:
    for nested in (False, True):
        assert solve(TIMED, Candidates.empty(3), nested=nested) == Selection((), (), ())
