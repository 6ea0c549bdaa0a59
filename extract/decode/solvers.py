"""Solvers by name, imported when they are asked for."""

from __future__ import annotations

from extract.decode.base import Solver
from extract.errors import ModelError, one_of

SOLVERS = ["greedy", "beam", "exact"]


def make_solver(name: str) -> Solver:
    """The solver of that name with its default settings.

    Raises `ModelError`, listing the names, for another.
    """
    if name == "greedy":
        from extract.decode.greedy import GreedySolver

        return GreedySolver()
    if name == "beam":
        from extract.decode.beam import BeamSolver

        return BeamSolver()
    if name == "exact":
        from extract.decode.exact import ExactSolver

        return ExactSolver()
    raise ModelError(one_of("decoder", name, SOLVERS))
