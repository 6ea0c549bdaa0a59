"""The interface of a solver: candidates and constraints in, a consistent selection out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.selection import Selection

__all__ = ["Selection", "Solver"]


class Solver(ABC):
    """Chooses a consistent set with a high sum of log-odds."""

    @abstractmethod
    def solve(self, candidates: Candidates, constraints: Constraints) -> Selection:
        """The selection; an item whose log-odds are at or below 0 is kept only if others need it."""
