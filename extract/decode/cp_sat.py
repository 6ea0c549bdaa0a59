"""Exact decoding through CP-SAT of OR-Tools, in place of HiGHS: the same programs, another solver.

Perron and Didier, CP-SAT, https://developers.google.com/optimization/cp/cp_solver (constraint programming by
lazy clause generation over a SAT solver; Ohrimenko, Stuckey and Codish 2009, Propagation via Lazy Clause
Generation). Differs from it: nothing; log-odds, which it takes as whole numbers only, are rounded to 1e-9.
"""

from __future__ import annotations

from collections.abc import Sequence

from extract.decode.components import Component
from extract.decode.exact import ExactSolver
from extract.errors import ModelError

_UNIT = 1e-9  # of log-odds; their sum over 10,000 items of 20 each stays below 2**53


class CpSatSolver(ExactSolver):
    """The best selection there is; see `ExactSolver` for the arguments and errors.

    Runs on one thread with a fixed seed, so that results are the same on every run.

    Raises `ModelError` if OR-Tools is not installed.
    """

    def check_installed(self) -> None:
        """Raise `ModelError` if OR-Tools is not installed."""
        try:
            import ortools.sat.python.cp_model  # noqa: F401
        except ImportError as error:
            raise ModelError(
                "The decoder cp-sat needs OR-Tools, which is not installed. Run: "
                "pip install 'tripack[ortools]'; or use the decoder exact."
            ) from error

    def program(
        self,
        component: Component,
        weights: Sequence[float] | dict[int, float],
        fixed: dict[int, bool],
        seconds: float | None,
    ) -> tuple[set[int] | None, float]:
        """The best items that CP-SAT finds, if any, and its upper bound."""
        from ortools.sat.python import cp_model

        model = cp_model.CpModel()
        kept = {item: model.new_bool_var(str(item)) for item in component.items}
        for group in component.groups:
            model.add_at_most_one(kept[item] for item in group)
        for item, any_of in component.needs:
            model.add_bool_or([~kept[item], *(kept[other] for other in any_of)])
        for item, value in fixed.items():
            if item in kept:
                model.add(kept[item] == int(value))
        whole = {item: round(weights[item] / _UNIT) for item in component.items}
        model.maximize(sum(whole[item] * kept[item] for item in component.items))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        if seconds is not None:
            solver.parameters.max_time_in_seconds = seconds
        status = solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None, float("inf")
        rounding = 0.5 * _UNIT * len(component.items)
        best = solver.best_objective_bound * _UNIT + rounding
        return {item for item in component.items if solver.boolean_value(kept[item])}, best
