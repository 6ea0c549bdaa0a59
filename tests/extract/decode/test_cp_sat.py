"""Exact decoding through CP-SAT: worth what brute force and HiGHS find, and never inconsistent."""

from __future__ import annotations

import sys
from typing import get_args

import numpy as np
import pytest

from extract.decode.constraints import Constraints
from extract.decode.cp_sat import CpSatSolver
from extract.decode.exact import ExactSolver, Objective
from extract.decode.greedy import GreedySolver
from extract.decode.solvers import make_solver
from extract.errors import ModelError
from extract.schema import Relation
from tests.extract.decode.cases import best_worth, candidates_of, random_case, schema_of, worth
from tests.extract.decode.checker import violations
from tests.extract.decode.test_exact import RIVALS, further

ANY = schema_of([Relation("r")])


def test_cp_sat_is_worth_what_brute_force_finds_on_500_cases() -> None:
    rng = np.random.default_rng(1)
    n_programs = 0
    for number in range(500):
        schema, found, nested = random_case(rng, n_spans=3, n_triples=4)
        own, rules = further(number)
        limits = Constraints.from_schema(schema, nested=nested, further=own)
        solved = CpSatSolver().solve_with_gap(found, limits)
        expected = best_worth(schema, nested, found, **rules)
        assert worth(found, solved.selection) == pytest.approx(expected, abs=1e-4), number
        assert violations(schema, nested, found, solved.selection, **rules) == []
        assert solved.gap == 0
        n_programs += solved.n_programs > 0
    assert n_programs > 50


@pytest.mark.parametrize("objective", get_args(Objective))
def test_every_objective_is_worth_what_highs_finds(objective: Objective) -> None:
    rng = np.random.default_rng(8)
    for _ in range(100):
        schema, found, nested = random_case(rng)
        limits = Constraints.from_schema(schema, nested=nested)
        one, other = (s(objective).solve(found, limits) for s in (CpSatSolver, ExactSolver))
        assert violations(schema, nested, found, one) == []
        # With one kind first, equally good sets of that kind may leave different sets to the other.
        if objective == "joint":
            assert worth(found, one) == pytest.approx(worth(found, other), abs=1e-4)
        else:
            first = [sum(_worth_by_kind(found, s)[objective]) for s in (one, other)]
            assert first[0] == pytest.approx(first[1], abs=1e-4)


def _worth_by_kind(found, kept):  # type: ignore[no-untyped-def]
    entities = [float(found.entity_scores[row, label]) for row, label in kept.entities]
    others = [
        *found.triple_scores[list(kept.triples)],
        *found.qualifier_scores[list(kept.qualifiers)],
    ]
    return {"entity_first": entities, "relation_first": others}


def test_when_time_is_up_greedys_set_and_a_gap_are_given() -> None:
    limits = Constraints.from_schema(ANY, nested=False)
    solved = CpSatSolver(time_limit=0).solve_with_gap(RIVALS, limits)
    assert solved.selection == GreedySolver().solve(RIVALS, limits)
    assert solved.gap >= 1


def test_results_are_the_same_on_every_run() -> None:
    found = candidates_of([(0, 2, (2, 2, -1)), (1, 3, (2, -1, 2))])
    limits = Constraints.from_schema(ANY, nested=False)
    assert {CpSatSolver().solve(found, limits) for _ in range(5)} == {
        GreedySolver().solve(found, limits)
    }


def test_without_or_tools_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools.sat.python.cp_model", None)
    with pytest.raises(ModelError, match=r"pip install 'tripack\[ortools\]'"):
        make_solver("cp-sat")


def test_solvers_are_made_with_their_settings() -> None:
    solver = make_solver("cp-sat", objective="entity_first", time_limit=3)
    assert isinstance(solver, CpSatSolver)
    assert (solver.objective, solver.time_limit) == ("entity_first", 3)
    with pytest.raises(
        ModelError, match=r"'beam' has no objective\. Expected one of: exact, cp-sat"
    ):
        make_solver("beam", objective="joint")
    with pytest.raises(ModelError, match="Unknown objective 'best'"):
        make_solver("exact", objective="best")
