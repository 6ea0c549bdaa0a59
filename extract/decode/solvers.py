"""Solvers by name, imported when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extract.decode.base import Solver
from extract.errors import ModelError, one_of

SOLVERS = ["greedy", "beam", "exact", "cp-sat"]
EXACT = ["exact", "cp-sat"]


def make_solver(
    name: str, *, objective: str | None = None, time_limit: float | None = None
) -> Solver:
    """The solver of that name.

    Args:
        objective, time_limit: of the exact ones, see `ExactSolver`; None: their defaults.

    Raises `ModelError`, listing the names, for another, for settings that the solver does not have or
    know, and for one whose package is not installed.
    """
    settings: dict[str, Any] = {"objective": objective, "time_limit": time_limit}
    settings = {key: value for key, value in settings.items() if value is not None}
    if settings and name not in EXACT:
        raise ModelError(
            f"Decoder {name!r} has no {' and no '.join(settings)}. Expected one of: {', '.join(EXACT)}."
        )
    if name == "greedy":
        from extract.decode.greedy import GreedySolver

        return GreedySolver()
    if name == "beam":
        from extract.decode.beam import BeamSolver

        return BeamSolver()
    if name == "exact":
        from extract.decode.exact import ExactSolver

        return _made(ExactSolver, settings)
    if name == "cp-sat":
        from extract.decode.cp_sat import CpSatSolver

        return _made(CpSatSolver, settings)
    raise ModelError(one_of("decoder", name, SOLVERS))


def _made(solver: Callable[..., Solver], settings: dict[str, Any]) -> Solver:
    try:
        return solver(**settings)
    except ValueError as error:
        raise ModelError(str(error)) from error
