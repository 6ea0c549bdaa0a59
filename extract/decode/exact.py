"""Exact decoding: the consistent set with the highest sum of log-odds, by integer programming.

Items with a chance (`components.hopeful`) fall into components that rules connect; each is solved by
itself, so that cost grows with the number of components. Where greedy decoding reaches a component's bound
(every item above 0, of each span the best type), it is optimal and no program is solved. The rest goes to
HiGHS through `scipy.optimize.milp`: a 0-1 variable an item, an inequality a rule.

Of sets that are worth the same, greedy decoding's is taken if it is one of them; else that which HiGHS,
which is deterministic, finds first.

Roth and Yih 2004, A Linear Programming Formulation for Global Inference in Natural Language Tasks (the
program); Zaratiana et al. 2024, EnriCo: Enriched Representation and Globally Constrained Inference for
Entity and Relation Extraction (the objectives `entity_first` and `relation_first`, by answer set
programming). Differs from the papers: qualifiers; an item may be left out, since its log-odds are those
against being left out; components; with one kind first, two programs in a row, the second with the first
one's choice fixed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from extract.decode.base import Selection, Solver
from extract.decode.candidates import Candidates
from extract.decode.components import Component, bound, components, hopeful
from extract.decode.constraints import Constraints
from extract.decode.greedy import GreedySolver
from extract.decode.items import Items, Rulebook
from extract.decode.standard import rulebook

log = logging.getLogger(__name__)

Objective = Literal["joint", "entity_first", "relation_first"]
_SAME = 1e-7  # worth that does not count as a difference: sums of float32 in another order


@dataclass(frozen=True, slots=True)
class Solved:
    """A selection, and by how much a better one could exceed it: 0 unless the time was up.

    n_programs counts the integer programs that it took.
    """

    selection: Selection
    gap: float
    n_programs: int


class ExactSolver(Solver):
    """The best selection there is.

    Args:
        objective: "joint" sums the log-odds of all that is kept; "entity_first" keeps the best entities,
            then the best triples and qualifiers among them; "relation_first" the best triples and
            qualifiers, whatever their ends and values are worth, then the best entities.
        time_limit: seconds a sentence; then the best set found so far is taken, and the gap logged. None:
            no limit.
        split: whether components are solved one by one; the result is the same without, but for ties.

    Raises `ValueError` for an unknown objective or a negative limit.
    """

    def __init__(
        self,
        objective: Objective = "joint",
        *,
        time_limit: float | None = 10.0,
        split: bool = True,
    ) -> None:
        if objective not in get_args(Objective):
            known = ", ".join(get_args(Objective))
            raise ValueError(f"Unknown objective {objective!r}. Expected one of: {known}.")
        if time_limit is not None and time_limit < 0:
            raise ValueError(f"Expected a time limit of at least 0 seconds, got {time_limit}.")
        self.objective = objective
        self.time_limit = time_limit
        self.split = split
        self.check_installed()

    def check_installed(self) -> None:
        """Raise `ModelError` if what solves the programs is not installed; HiGHS always is."""

    def solve(self, candidates: Candidates, constraints: Constraints) -> Selection:
        """The best selection, or the best that was found in time."""
        solved = self.solve_with_gap(candidates, constraints)
        if solved.gap > 0:
            log.warning(
                "Decoding stopped after %g seconds; a better set may gain %.3f in log-odds.",
                self.time_limit,
                solved.gap,
            )
        return solved.selection

    def solve_with_gap(self, candidates: Candidates, constraints: Constraints) -> Solved:
        """The same, with the gap."""
        items = Items(candidates)
        book = rulebook(items, constraints)
        deadline = None if self.time_limit is None else time.monotonic() + self.time_limit
        if self.objective == "joint":
            alive = hopeful(book, items.scores)
        else:  # nothing is too dear for the kind that goes first
            alive = hopeful(book, [max(0.0, score) for score in items.scores])
        greedy = book.supported(items.of(GreedySolver().solve(candidates, constraints)) & alive)
        kept: set[int] = set()
        gap, n_programs = 0.0, 0
        for component in components(book, alive, split=self.split):
            part, own_gap, n_own = self._best(book, component, greedy, deadline)
            kept |= part
            gap += own_gap
            n_programs += n_own
        return Solved(items.selection(_needed(book, kept)), gap, n_programs)

    def _best(
        self, book: Rulebook, component: Component, greedy: set[int], deadline: float | None
    ) -> tuple[set[int], float, int]:
        """Of a component: the best items, the gap, and how many programs were solved."""
        scores = book.items.scores
        start = greedy.intersection(component.items)
        if bound(book, component, scores) <= book.worth(start) + _SAME:
            return start, 0.0, 0  # all that is above 0 is kept: best whatever goes first
        if self.objective == "joint":
            return *self._solve(component, scores, {}, start, deadline), 1
        entities = [i for i in component.items if book.items.as_entity(i) is not None]
        others = [i for i in component.items if book.items.as_entity(i) is None]
        entity_first = self.objective == "entity_first"
        first, second = (entities, others) if entity_first else (others, entities)
        weights = dict.fromkeys(component.items, 0.0) | {i: scores[i] for i in first}
        part, gap = self._solve(component, weights, {}, start, deadline)
        fixed = {i: i in part for i in first}
        weights = dict.fromkeys(component.items, 0.0) | {i: scores[i] for i in second}
        part, more = self._solve(component, weights, fixed, part, deadline)
        return part, gap + more, 2

    def _solve(
        self,
        component: Component,
        weights: Sequence[float] | dict[int, float],
        fixed: dict[int, bool],
        start: set[int],
        deadline: float | None,
    ) -> tuple[set[int], float]:
        """The items of the highest weight, and the gap; `start`, which obeys the rules, if none is better."""
        worth = sum(weights[i] for i in sorted(start))
        upper = sum(max(0.0, weights[i]) for i in component.items)
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return start, upper - worth
        found, found_upper = self.program(component, weights, fixed, left)
        upper = min(upper, found_upper)
        if found is not None:
            found_worth = sum(weights[i] for i in sorted(found))
            if found_worth > worth + _SAME:
                start, worth = found, found_worth
        gap = upper - worth
        return start, gap if gap > 1e-5 else 0.0  # HiGHS stops at 1e-6

    def program(
        self,
        component: Component,
        weights: Sequence[float] | dict[int, float],
        fixed: dict[int, bool],
        seconds: float | None,
    ) -> tuple[set[int] | None, float]:
        """The items of a component with the highest weight, and an upper bound on it.

        None if none were found in time. `fixed` says of some items whether they are kept.
        """
        return _program(component, weights, fixed, seconds)


def _needed(book: Rulebook, kept: set[int]) -> set[int]:
    """The kept items without those at or below 0 that no kept item needs."""
    scores = book.items.scores
    for item in sorted(kept, reverse=True):  # qualifiers before triples before entities
        if scores[item] <= 0:
            rest = kept - {item}
            dependents = {book.needs[at][1].item for at in book.needed_by.get(item, ())} & rest
            if not any(book.unmet(other, rest) for other in dependents):
                kept = rest
    return kept


def _program(
    component: Component,
    weights: Sequence[float] | dict[int, float],
    fixed: dict[int, bool],
    seconds: float | None,
) -> tuple[set[int] | None, float]:
    """The best items that HiGHS finds, if any, and its upper bound."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    items = component.items
    place = {item: at for at, item in enumerate(items)}
    rows, columns, values = [], [], []
    limits = np.array([1.0] * len(component.groups) + [0.0] * len(component.needs))
    for row, group in enumerate(component.groups):
        rows += [row] * len(group)
        columns += [place[item] for item in group]
        values += [1.0] * len(group)
    for row, (item, any_of) in enumerate(component.needs, start=len(component.groups)):
        rows += [row] * (1 + len(any_of))
        columns += [place[item], *(place[other] for other in any_of)]
        values += [1.0, *[-1.0] * len(any_of)]
    table = csr_array((values, (rows, columns)), shape=(len(limits), len(items)))
    lower = np.array([float(fixed.get(item, False)) for item in items])
    upper = np.array([float(fixed.get(item, True)) for item in items])
    result = milp(
        -np.array([weights[item] for item in items]),
        integrality=np.ones(len(items)),
        bounds=Bounds(lower, upper),
        constraints=LinearConstraint(table, -np.inf, limits) if len(limits) else None,
        options={"mip_rel_gap": 0.0} | ({} if seconds is None else {"time_limit": seconds}),
    )
    dual = getattr(result, "mip_dual_bound", None)
    best = float("inf") if dual is None or not np.isfinite(dual) else -float(dual)
    if result.x is None:
        return None, best
    return {item for item, value in zip(items, result.x.tolist(), strict=True) if value > 0.5}, best
