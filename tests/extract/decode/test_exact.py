"""Exact decoding and beam search: never inconsistent, and worth what brute force finds."""

from __future__ import annotations

import logging
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from extract.decode import exact
from extract.decode.base import Selection, Solver
from extract.decode.beam import BeamSolver
from extract.decode.components import Component
from extract.decode.constraints import Constraint, Constraints
from extract.decode.exact import ExactSolver
from extract.decode.greedy import GreedySolver
from extract.decode.standard import BothWays, MaximumDistance
from extract.schema import Relation
from tests.extract.decode.cases import best_worth, candidates_of, random_case, schema_of, worth
from tests.extract.decode.checker import violations

PER, ORG, TIME = range(3)
ANY = schema_of([Relation("r")])
# Greedy takes the long span (3) and with it nothing else; the two inside are worth 2 each.
RIVALS = candidates_of([(0, 4, (3, -1, -1)), (0, 2, (2, -1, -1)), (2, 4, (2, -1, -1))])
SOLVERS: list[Solver] = [GreedySolver(), BeamSolver(3), ExactSolver()]


def further(number: int) -> tuple[list[Constraint], dict[str, object]]:
    """Every fourth case without further constraints, and those of the others, also for the checker."""
    both, distance = number % 4 in (1, 3), number % 4 in (2, 3)
    own: list[Constraint] = [
        *([BothWays()] if both else []),
        *([MaximumDistance(1)] if distance else []),
    ]
    return own, {"both_ways": both, "max_distance": 1 if distance else None}


def test_exact_is_worth_what_brute_force_finds_on_500_cases() -> None:
    rng = np.random.default_rng(1)
    n_programs = Counter[bool]()
    for number in range(500):
        schema, found, nested = random_case(rng, n_spans=3, n_triples=4)
        own, rules = further(number)
        limits = Constraints.from_schema(schema, nested=nested, further=own)
        solved = ExactSolver().solve_with_gap(found, limits)
        expected = best_worth(schema, nested, found, **rules)
        assert worth(found, solved.selection) == pytest.approx(expected, abs=1e-4), number
        assert solved.gap == 0
        n_programs[solved.n_programs > 0] += 1
    assert n_programs[True] > 50  # not all were easy


def test_no_decoder_breaks_a_rule_in_10000_cases() -> None:
    rng = np.random.default_rng(2)
    broken: list[str] = []
    n_kept = 0
    for number in range(10_000):
        schema, found, nested = random_case(rng, n_spans=4)
        own, rules = further(number)
        limits = Constraints.from_schema(schema, nested=nested, further=own)
        kept = SOLVERS[number % 3].solve(found, limits)
        broken += violations(schema, nested, found, kept, **rules)
        n_kept += len(kept.triples)
    assert broken == []
    assert n_kept > 2000


def test_exact_is_never_worth_less_than_beam_nor_beam_than_greedy() -> None:
    rng = np.random.default_rng(6)
    n_better = [0, 0]
    for number in range(600):
        schema, found, nested = random_case(rng)
        own, _ = further(number)
        limits = Constraints.from_schema(schema, nested=nested, further=own)
        greedy, beam, exact = (worth(found, s.solve(found, limits)) for s in SOLVERS)
        assert exact >= beam - 1e-5
        assert beam >= greedy - 1e-5
        n_better[0] += exact > beam + 1e-3
        n_better[1] += beam > greedy + 1e-3
    assert n_better[0] > 0
    assert n_better[1] > 10


def test_tables_and_rules_make_greedy_decoding_the_same() -> None:
    class Nothing(Constraint):
        name = "nothing"

        def rules(self, items, tables):  # type: ignore[no-untyped-def]
            return iter(())

    rng = np.random.default_rng(3)
    for _ in range(1000):
        schema, found, nested = random_case(rng)
        by_tables = GreedySolver().solve(found, Constraints.from_schema(schema, nested=nested))
        limits = Constraints.from_schema(schema, nested=nested, further=[Nothing()])
        assert GreedySolver().solve(found, limits) == by_tables


def test_components_one_by_one_are_worth_as_much_as_together() -> None:
    rng = np.random.default_rng(4)
    n_split = 0
    for _ in range(150):
        schema, found, nested = random_case(rng, n_spans=8)
        limits = Constraints.from_schema(schema, nested=nested)
        apart = ExactSolver().solve_with_gap(found, limits)
        whole = ExactSolver(split=False).solve_with_gap(found, limits)
        assert worth(found, apart.selection) == pytest.approx(
            worth(found, whole.selection), abs=1e-4
        )
        n_split += apart.n_programs > whole.n_programs
    assert n_split > 5


@pytest.mark.parametrize("n", [1, 5, 25])
def test_programs_are_one_a_component_however_long_the_text(
    monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    sizes: list[int] = []

    def counting(component: Component, *others: Any) -> Any:
        sizes.append(len(component.items))
        return program(component, *others)

    program = exact._program
    monkeypatch.setattr(exact, "_program", counting)
    spans = RIVALS.spans.tolist()
    rows = [
        (5 * i + a, 5 * i + b, (s, -1, -1))
        for i in range(n)
        for (a, b), s in zip(spans, (3, 2, 2), strict=True)
    ]
    found = candidates_of(rows, [(0, 0, 1, -1.0)])
    solved = ExactSolver().solve_with_gap(found, Constraints.from_schema(ANY, nested=False))
    assert len(solved.selection.entities) == 2 * n
    assert sizes == [3] * n and solved.n_programs == n


def test_greedy_is_caught_where_exact_and_beam_are_not() -> None:
    limits = Constraints.from_schema(ANY, nested=False)
    assert GreedySolver().solve(RIVALS, limits).entities == ((0, PER),)
    for solver in (BeamSolver(), ExactSolver()):
        assert solver.solve(RIVALS, limits).entities == ((1, PER), (2, PER))


def test_equal_sets_leave_greedys_and_the_result_is_always_the_same() -> None:
    found = candidates_of([(0, 2, (2, 2, -1)), (1, 3, (2, -1, 2))])
    limits = Constraints.from_schema(ANY, nested=False)
    expected = GreedySolver().solve(found, limits)
    assert {ExactSolver().solve(found, limits) for _ in range(5)} == {expected}


def test_items_worth_nothing_are_kept_only_where_needed() -> None:
    found = candidates_of(
        [(0, 1, (0, -1, -1)), (2, 3, (0, -1, -1)), (4, 5, (0, 0, 0))], [(0, 0, 1, 1)]
    )
    kept = ExactSolver().solve(found, Constraints.from_schema(ANY, nested=False))
    assert kept == Selection(((0, PER), (1, PER)), (0,), ())


def test_objectives_say_which_kind_goes_first() -> None:
    # As PER (1) the subject may have the triple (3); it would rather be ORG (5).
    schema = schema_of([Relation("r", domain=("PER",))])
    found = candidates_of([(0, 1, (1, 5, -1)), (2, 3, (-1, 2, -1))], [(0, 0, 1, 3.0)])
    limits = Constraints.from_schema(schema, nested=False)
    apart, together = (
        Selection(((0, ORG), (1, ORG)), (), ()),
        Selection(((0, PER), (1, ORG)), (0,), ()),
    )
    assert ExactSolver().solve(found, limits) == apart
    assert ExactSolver("entity_first").solve(found, limits) == apart
    assert ExactSolver("relation_first").solve(found, limits) == together
    found.triple_scores[0] = 4.5
    assert ExactSolver().solve(found, limits) == together
    assert ExactSolver("entity_first").solve(found, limits) == apart


def test_objectives_of_one_kind_first_are_consistent_and_best_in_that_kind() -> None:
    rng = np.random.default_rng(5)
    for _ in range(150):
        schema, found, nested = random_case(rng)
        limits = Constraints.from_schema(schema, nested=nested)
        sums = {}
        for objective in ("joint", "entity_first", "relation_first"):
            kept = ExactSolver(objective).solve(found, limits)
            assert violations(schema, nested, found, kept) == []
            entities = worth(found, Selection(kept.entities, (), ()))
            sums[objective] = entities, worth(found, kept) - entities
        assert sums["entity_first"][0] >= max(e for e, _ in sums.values()) - 1e-4
        assert sums["relation_first"][1] >= max(r for _, r in sums.values()) - 1e-4
        assert sum(sums["joint"]) >= max(map(sum, sums.values())) - 1e-4


def test_when_time_is_up_the_best_found_and_its_gap_are_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = Constraints.from_schema(ANY, nested=False)
    solved = ExactSolver(time_limit=0).solve_with_gap(RIVALS, limits)
    assert solved.selection == GreedySolver().solve(RIVALS, limits)
    assert solved.gap >= 1  # what is missed is within the gap
    with caplog.at_level(logging.WARNING):
        ExactSolver(time_limit=0).solve(RIVALS, limits)
    assert "stopped after 0 seconds" in caplog.text
    assert ExactSolver(time_limit=None).solve_with_gap(RIVALS, limits).gap == 0


@pytest.mark.parametrize(
    ("x", "kept", "gap"),
    [
        (None, ((0, PER),), 1.5),
        ([0, 1, 0], ((0, PER),), 1.5),
        ([0, 1, 1], ((1, PER), (2, PER)), 0.5),
    ],
)
def test_a_program_stopped_early_gives_what_it_has_if_that_is_better(
    monkeypatch: pytest.MonkeyPatch, x: list[float] | None, kept: tuple, gap: float
) -> None:
    seen: list[float] = []

    def stopped(*_: object, options: dict[str, float], **__: object) -> SimpleNamespace:
        seen.append(options["time_limit"])
        return SimpleNamespace(x=None if x is None else np.array(x), mip_dual_bound=-4.5)

    monkeypatch.setattr("scipy.optimize.milp", stopped)
    limits = Constraints.from_schema(ANY, nested=False)
    solved = ExactSolver(time_limit=60).solve_with_gap(RIVALS, limits)
    assert solved.selection.entities == kept
    assert solved.gap == pytest.approx(gap)
    assert 0 < seen[0] < 60


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Unknown objective 'best'\. Expected one of: joint"):
        ExactSolver("best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 0 seconds, got -1"):
        ExactSolver(time_limit=-1)
    with pytest.raises(ValueError, match="at least 1 set, got 0"):
        BeamSolver(0)
