"""Which items have a chance, and which belong together."""

from __future__ import annotations

import numpy as np
import pytest

from extract.decode.components import bound, components, hopeful
from extract.decode.constraints import Constraints
from extract.decode.items import Items, Rulebook
from extract.decode.standard import BothWays, rulebook
from extract.schema import QualifierType, Relation
from tests.extract.decode.cases import candidates_of, random_case, schema_of, worth

FAR = (-9, -9)
# Spans 0 and 1 overlap and stand in a triple with 2; 3 is by itself; 4 to 6 score below 0.
FOUND = candidates_of(
    [
        *[(0, 2, (2, *FAR)), (1, 3, (1, *FAR)), (4, 5, (-1, *FAR)), (6, 7, (4, 1, -9))],
        *[(8, 9, (-2, *FAR)), (10, 11, (-2, *FAR)), (12, 13, (-2, *FAR))],
    ],
    [(0, 0, 2, 1.5), (4, 0, 5, -1.0), (5, 0, 4, 2.0), (5, 0, 6, 1.0)],
    [(1, 0, 3, 0.5), (3, 0, 3, 1.5)],
)
SCHEMA = schema_of(
    [Relation("r", domain=("PER",), range=("PER",), symmetric=True)], [QualifierType("q")]
)


def book_of(*further: BothWays) -> Rulebook:
    limits = Constraints.from_schema(SCHEMA, nested=False, further=further)
    return rulebook(Items(FOUND), limits)


def named(book: Rulebook, items: set[int]) -> set[tuple[str, int]]:
    """Items as kinds and rows; entities have their best type only."""
    kept = book.items.selection(items)
    assert all(label == 0 or (row, label) == (3, 1) for row, label in kept.entities)
    return (
        {("span", row) for row, _ in kept.entities}
        | {("triple", row) for row in kept.triples}
        | {("qualifier", row) for row in kept.qualifiers}
    )


def test_hopeless_items_are_those_that_nothing_can_make_up_for() -> None:
    book = book_of()
    alive = named(book, hopeful(book, book.items.scores))
    # Triple 1 scores -1 and its qualifier brings 0.5. Span 4 costs the 2 that triple 2 brings, and so
    # goes, and with it the triple; spans 5 and 6 may gain by triple 3 and its qualifier.
    assert alive == {("span", row) for row in (0, 1, 2, 3, 5, 6)} | {
        ("triple", 0),
        ("triple", 3),
        ("qualifier", 1),
    }


def test_components_are_what_rules_connect() -> None:
    book = book_of()
    found = components(book, hopeful(book, book.items.scores))
    first = {("span", 0), ("span", 1), ("span", 2), ("triple", 0)}
    second = {("span", 3), ("span", 5), ("span", 6), ("triple", 3), ("qualifier", 1)}
    assert [named(book, set(component.items)) for component in found] == [first, second]
    (whole,) = components(book, hopeful(book, book.items.scores), split=False)
    assert sorted(whole.items) == sorted(item for c in found for item in c.items)
    assert sum(len(c.groups) + len(c.needs) for c in found) == len(whole.groups) + len(whole.needs)
    assert bound(book, found[0], book.items.scores) == pytest.approx(2 + 1 + 1.5)


def test_what_its_counterpart_needs_counts_for_a_triple_that_must_hold_both_ways() -> None:
    plain, both = book_of(), book_of(BothWays())
    triple = plain.items.triple(1)  # -1 itself; its counterpart scores 2
    assert triple not in hopeful(plain, plain.items.scores)
    assert triple in hopeful(both, both.items.scores)
    assert both.items.triple(0) not in hopeful(both, both.items.scores)  # has no counterpart


def test_bounds_of_components_are_never_below_what_exact_decoding_finds() -> None:
    from extract.decode.exact import ExactSolver

    rng = np.random.default_rng(7)
    for _ in range(200):
        schema, found, nested = random_case(rng)
        limits = Constraints.from_schema(schema, nested=nested)
        book = rulebook(Items(found), limits)
        parts = components(book, hopeful(book, book.items.scores))
        total = sum(bound(book, part, book.items.scores) for part in parts)
        assert worth(found, ExactSolver().solve(found, limits)) <= total + 1e-4
