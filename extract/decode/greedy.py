"""Greedy decoding: the best item first, then whatever still fits and still gains.

Linear in the candidates but for the sort. The standard constraints are read from tables, which is quick;
where there are further ones, all are read from rules, to the same effect. It is optimal where nothing
competes: every entity above 0 is compatible with the others, and every triple above 0 has kept ends of
admitted types.
"""

from __future__ import annotations

import numpy as np

from extract.decode.base import Selection, Solver
from extract.decode.candidates import Candidates, Floats
from extract.decode.constraints import Constraints, Flags
from extract.decode.items import Items
from extract.decode.moves import Kept, Moves
from extract.decode.standard import rulebook


class GreedySolver(Solver):
    """Entities by score; then triples by score, each allowed to add or retype its ends if it pays."""

    def solve(self, candidates: Candidates, constraints: Constraints) -> Selection:
        if constraints.further:
            return solve_by_rules(candidates, constraints)
        state = _State(candidates, constraints)
        for row in np.argsort(
            -candidates.entity_scores.max(axis=1, initial=-np.inf), kind="stable"
        ).tolist():
            if state.best_score[row] <= 0:
                break
            if state.is_free(row):
                state.keep(row, state.best_type[row])
        triples = [row for row in _best_first(candidates.triple_scores) if state.add_triple(row)]
        kept = set(triples)
        qualifiers = [
            row
            for row in _best_first(candidates.qualifier_scores)
            if int(candidates.qualifiers[row, 0]) in kept and state.add_qualifier(row)
        ]
        return Selection(
            tuple(sorted(state.type_of.items())), tuple(sorted(triples)), tuple(sorted(qualifiers))
        )


def _best_first(scores: Floats) -> list[int]:
    """Rows above 0 by score, equal ones in order.

    No other can pay: a new end costs what it falls short of 0, for all spans above it that fit are kept by
    then, and a retyped end gets no better type, for it has the best that its triples allow.
    """
    above = np.flatnonzero(scores > 0)
    rows: list[int] = above[np.argsort(-scores[above], kind="stable")].tolist()
    return rows


def solve_by_rules(candidates: Candidates, constraints: Constraints) -> Selection:
    """What `GreedySolver` does, under any constraints; slower."""
    items = Items(candidates)
    moves, state = Moves(rulebook(items, constraints)), Kept()
    for row in np.argsort(
        -candidates.entity_scores.max(axis=1, initial=-np.inf), kind="stable"
    ).tolist():
        for label in np.argsort(-candidates.entity_scores[row], kind="stable").tolist():
            if (item := items.entity(row, label)) in state.items or items.scores[item] <= 0:
                break
            if (after := _paying(moves, state, item)) is not None:
                state = after
                break
    for row in np.argsort(-candidates.triple_scores, kind="stable").tolist():
        state = _paying(moves, state, items.triple(row)) or state
    for row in np.argsort(-candidates.qualifier_scores, kind="stable").tolist():
        if items.triple(int(candidates.qualifiers[row, 0])) in state.items:
            state = _paying(moves, state, items.qualifier(row)) or state
    return items.selection(state.items)


def _paying(moves: Moves, state: Kept, item: int) -> Kept | None:
    """The state with the item, if it can come in and is worth what it needs."""
    if item in state.items:
        return None
    after = next(iter(moves.ways(state, item)), None)
    return after if after is not None and after.worth > state.worth else None


class _State:
    """Kept spans and their types, and which types the kept triples still allow them."""

    def __init__(self, candidates: Candidates, constraints: Constraints) -> None:
        self.candidates = candidates
        self.constraints = constraints
        n_spans = len(candidates.spans)
        empty = not n_spans
        self.best_type = [] if empty else candidates.entity_scores.argmax(axis=1).tolist()
        self.best_score = [] if empty else candidates.entity_scores.max(axis=1).tolist()
        self.spans = candidates.spans.tolist()
        self.taken = np.zeros(0 if empty else int(candidates.spans[:, 1].max()), bool)
        self.type_of: dict[int, int] = {}
        self.allowed: dict[int, Flags] = {}  # types that the kept triples leave to a span
        self.objects: set[tuple[int, int]] = set()  # (subject, functional relation) in use

    def is_free(self, row: int) -> bool:
        start, end = self.spans[row]
        return self.constraints.nested or not self.taken[start:end].any()

    def keep(self, row: int, label: int) -> None:
        start, end = self.spans[row]
        self.taken[start:end] = True
        self.type_of[row] = label

    def plan(self, row: int, admitted: Flags) -> tuple[float, int] | None:
        """The best gain in entity score, and the type, for `row` to be kept with an admitted type."""
        admitted = admitted & self.allowed.get(row, admitted)
        current = self.type_of.get(row)
        if current is not None and admitted[current]:
            return 0.0, current
        if not admitted.any() or (current is None and not self.is_free(row)):
            return None
        scores = self.candidates.entity_scores[row]
        label = int(np.where(admitted, scores, -np.inf).argmax())
        before = float(scores[current]) if current is not None else 0.0
        return float(scores[label]) - before, label

    def add_triple(self, row: int) -> bool:
        subject, relation, object_ = self.candidates.triples[row].tolist()
        if self.constraints.functional[relation] and (subject, relation) in self.objects:
            return False
        domain, range_ = self.constraints.domain[relation], self.constraints.range[relation]
        if subject == object_:  # one span, which has to serve as both
            domain = range_ = domain & range_
        ends = ((subject, domain), (object_, range_))
        plans = [self.plan(end, admitted) for end, admitted in ends]
        if any(plan is None for plan in plans) or not self._fit_together(subject, object_):
            return False
        if self.candidates.triple_scores[row] + sum(plan[0] for plan in plans if plan) <= 0:
            return False
        for (end, admitted), plan in zip(ends, plans, strict=True):
            if plan is not None:
                self.keep(end, plan[1])
                self.allowed[end] = self.allowed.get(end, admitted) & admitted
        if self.constraints.functional[relation]:
            self.objects.add((subject, relation))
        return True

    def add_qualifier(self, row: int) -> bool:
        triple, label, value = self.candidates.qualifiers[row].tolist()
        subject, relation, object_ = self.candidates.triples[triple].tolist()
        if value in (subject, object_) or not self.constraints.takes[label, relation]:
            return False
        admitted = self.constraints.value_range[label]
        plan = self.plan(value, admitted)
        if plan is None or self.candidates.qualifier_scores[row] + plan[0] <= 0:
            return False
        self.keep(value, plan[1])
        self.allowed[value] = self.allowed.get(value, admitted) & admitted
        return True

    def _fit_together(self, left: int, right: int) -> bool:
        """Whether two spans may both be kept; only a question where both are new."""
        if self.constraints.nested or left in self.type_of or right in self.type_of:
            return True
        (a, b), (c, d) = self.spans[left], self.spans[right]
        return bool(b <= c or d <= a)
