"""Each constraint by hand: what it lets every decoder keep, and what explanations say of the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extract.decode.base import Selection, Solver
from extract.decode.beam import BeamSolver
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraint, Constraints
from extract.decode.exact import ExactSolver
from extract.decode.explain import removed
from extract.decode.greedy import GreedySolver
from extract.decode.items import AtMostOne, Items, Needs, Rule
from extract.decode.standard import STANDARD, BothWays, FlatSpans, MaximumDistance
from extract.schema import QualifierType, Relation, Schema
from tests.extract.decode.cases import candidates_of, schema_of

PER, ORG, TIME = range(3)
SOLVERS = [GreedySolver(), BeamSolver(), ExactSolver()]
SURE = (3, -9, -9)
FOUR = [(at, at + 1, SURE) for at in (0, 2, 4, 6)]
every_solver = pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)


class OneRelationAPair(Constraint):
    """A user's constraint: two spans stand in one relation at most."""

    name = "one relation a pair"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        pairs: dict[frozenset[int], list[int]] = {}
        for row, (subject, _, object_) in enumerate(items.candidates.triples.tolist()):
            pairs.setdefault(frozenset((subject, object_)), []).append(items.triple(row))
        yield from (AtMostOne(tuple(rows)) for rows in pairs.values())


class TimesBelongToFacts(Constraint):
    """A user's constraint: a TIME is kept only as an end of a triple."""

    name = "times belong to facts"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        ends = items.candidates.triples[:, [0, 2]]
        time = tables.schema.entity_names.index("TIME")
        for row in range(items.n_spans):
            own = [items.triple(at) for at in range(len(ends)) if row in ends[at]]
            yield Needs(items.entity(row, time), tuple(own))


def why(found: Candidates, limits: Constraints, kept: Selection) -> dict[int, tuple[str, tuple]]:
    """Constraint and rivals of every removed item."""
    return {r.item: (r.constraint, r.in_favour_of) for r in removed(found, limits, kept)}


@every_solver
@pytest.mark.parametrize(
    ("schema", "spans", "triples", "qualifiers", "kept", "lost"),
    [
        (  # the other span covers a word of it: its triple goes too
            schema_of([Relation("r")]),
            [(0, 2, SURE), (1, 3, (1, -9, -9)), (4, 5, SURE)],
            [(1, 0, 2, 0.5)],
            [],
            Selection(((0, PER), (2, PER)), (), ()),
            {3: ("flat spans", (0,)), 9: ("ends of a triple are entities", (0,))},
        ),
        (  # a second type above 0
            schema_of([Relation("r")]),
            [(0, 1, (1, 2, -1))],
            [],
            [],
            Selection(((0, ORG),), (), ()),
            {0: ("one type a span", (1,))},
        ),
        (  # what it needs scores too low
            schema_of([Relation("r")]),
            [(0, 1, SURE), (2, 3, (-5, -6, -7))],
            [(0, 0, 1, 4.0)],
            [],
            Selection(((0, PER),), (), ()),
            {6: ("ends of a triple are entities", ())},
        ),
        (  # a subject that stays PER
            schema_of([Relation("r", domain=("ORG",))]),
            FOUR[:2],
            [(0, 0, 1, 4.0)],
            [],
            Selection(((0, PER), (1, PER)), (), ()),
            {6: ("types fit the relation", (0,))},
        ),
        (
            schema_of([Relation("r", functional=True)]),
            FOUR[:3],
            [(0, 0, 1, 1.0), (0, 0, 2, 2.0), (1, 0, 2, 0.5)],
            [],
            Selection(((0, PER), (1, PER), (2, PER)), (1, 2), ()),
            {9: ("functional relation", (10,))},
        ),
        (  # its triple is not kept, since it scores below 0
            schema_of([Relation("r")], [QualifierType("q")]),
            FOUR[:3],
            [(0, 0, 1, -2.0)],
            [(0, 0, 2, 1.0)],
            Selection(((0, PER), (1, PER), (2, PER)), (), ()),
            {10: ("a qualifier needs its triple and value", ())},
        ),
        (  # another relation's, an end of the triple, the wrong type; the last one fits
            schema_of(
                [Relation("r"), Relation("s")],
                [
                    QualifierType("of s", relations=("s",)),
                    QualifierType("any"),
                    QualifierType("time", range=("TIME",)),
                ],
            ),
            FOUR[:3],
            [(0, 0, 1, 2.0)],
            [(0, 0, 2, 5.0), (0, 1, 1, 5.0), (0, 2, 2, 5.0), (0, 1, 2, 5.0)],
            Selection(((0, PER), (1, PER), (2, PER)), (0,), (3,)),
            {
                10: ("the qualifier fits its triple and value", ()),
                11: ("the qualifier fits its triple and value", ()),
                12: ("the qualifier fits its triple and value", (6,)),
            },
        ),
    ],
    ids=["flat", "one type", "ends", "types", "functional", "qualifier kept", "qualifier fits"],
)
def test_standard_constraints(
    solver: Solver,
    schema: Schema,
    spans: list,
    triples: list,
    qualifiers: list,
    kept: Selection,
    lost: dict,
) -> None:
    found = candidates_of(spans, triples, qualifiers)
    limits = Constraints.from_schema(schema, nested=False)
    assert solver.solve(found, limits) == kept
    assert why(found, limits, kept) == lost


@every_solver
def test_both_ways_keeps_both_or_neither(solver: Solver) -> None:
    schema = schema_of(
        [Relation("spouse", symmetric=True), Relation("part"), Relation("whole", inverse="part")]
    )
    triples = [
        *[(0, 0, 1, 3.0), (1, 0, 0, -1.0)],  # together they pay
        *[(0, 0, 2, 1.0), (2, 0, 0, -2.0)],  # together they do not
        (0, 0, 3, 5.0),  # without counterpart
        *[(1, 1, 2, 1.0), (2, 2, 1, -0.5), (3, 2, 2, 2.0)],  # the last has no counterpart
    ]
    found = candidates_of(FOUR, triples)
    limits = Constraints.from_schema(schema, nested=False, further=[BothWays()])
    kept = solver.solve(found, limits)
    assert kept.triples == (0, 1, 5, 6)
    name = "symmetric and inverse relations hold both ways"
    assert why(found, limits, kept) == dict.fromkeys((14, 16, 19), (name, ()))


@every_solver
@pytest.mark.parametrize(
    ("words", "kept"), [(0, ()), (1, (0,)), (2, (0,)), (3, (0, 1)), (5, (0, 1, 2))]
)
def test_maximum_distance_counts_words_between_the_ends(
    solver: Solver, words: int, kept: tuple[int, ...]
) -> None:
    found = candidates_of(FOUR, [(0, 0, 1, 1.0), (2, 0, 0, 1.0), (0, 0, 3, 1.0)])
    schema = schema_of([Relation("r")])
    limits = Constraints.from_schema(schema, nested=False, further=[MaximumDistance(words)])
    selection = solver.solve(found, limits)
    assert selection.triples == kept
    lost = [12 + row for row in range(3) if row not in kept]
    assert why(found, limits, selection) == dict.fromkeys(lost, ("maximum distance", ()))


def test_negative_distance_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0 words, got -1"):
        MaximumDistance(-1)


@every_solver
def test_constraints_of_users_hold(solver: Solver) -> None:
    schema = schema_of([Relation("r"), Relation("s")])
    times = [(8, 9, (-9, -9, 2)), (10, 11, (-9, -9, 2)), (12, 13, (-9, -9, 1))]
    triples = [
        *[(0, 0, 1, 1.0), (1, 1, 0, 2.0)],  # one pair
        (0, 0, 4, 1.0),
        (0, 1, 5, -1.0),  # less than its end brings
        (0, 1, 6, -1.5),  # more than its end brings
    ]
    found = candidates_of([*FOUR, *times], triples)
    own = [OneRelationAPair(), TimesBelongToFacts()]
    limits = Constraints.from_schema(schema, nested=False, further=own)
    kept = solver.solve(found, limits)
    assert kept.triples == (1, 2, 3)
    assert kept.entities == ((0, PER), (1, PER), (2, PER), (3, PER), (4, TIME), (5, TIME))
    assert why(found, limits, kept) == {
        20: ("times belong to facts", ()),
        21: ("one relation a pair", (22,)),
    }


@every_solver
def test_nested_and_untyped_let_more_stand(solver: Solver) -> None:
    schema = schema_of([Relation("r", domain=("ORG",))], [QualifierType("q", range=("TIME",))])
    found = candidates_of(
        [(0, 3, SURE), (1, 2, SURE), (4, 5, SURE)], [(0, 0, 1, 4.0)], [(0, 0, 2, 1.0)]
    )
    limits = Constraints.from_schema(schema, nested=True)
    assert solver.solve(found, limits) == Selection(((0, PER), (1, PER), (2, PER)), (), ())
    free = Selection(((0, PER), (1, PER), (2, PER)), (0,), (0,))
    assert solver.solve(found, limits.untyped()) == free


def test_names_of_constraints_are_their_own_and_flat_spans_are_cliques() -> None:
    names = [c.name for c in (*STANDARD, BothWays(), MaximumDistance(3))]
    assert len(set(names)) == len(names)
    items = Items(candidates_of([(0, 3, SURE), (1, 3, SURE), (2, 4, SURE)]))
    limits = Constraints.from_schema(schema_of([]), nested=False)
    rows = [
        {item // 3 for item in rule.items}
        for rule in FlatSpans().rules(items, limits)
        if isinstance(rule, AtMostOne)
    ]
    assert rows == [{0, 1}, {0, 1, 2}]
