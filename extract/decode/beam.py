"""Beam search over the items of each component: entities, triples and qualifiers by score.

At each item every set in the beam goes on without it, and with it in the best ways of meeting what it
needs. Sets are ranked by their log-odds and those of the items to come that they do not rule out. Greedy
decoding's set takes part at the end, so that the result is never worth less.

Lowerre 1976, The HARPY Speech Recognition System (beam search).
Differs from the paper: what is searched is a set, in a fixed order of its items, a component at a time.
"""

from __future__ import annotations

from extract.decode.base import Selection, Solver
from extract.decode.candidates import Candidates
from extract.decode.components import Component, bound, components, hopeful
from extract.decode.constraints import Constraints
from extract.decode.greedy import GreedySolver
from extract.decode.items import Items, Rulebook
from extract.decode.moves import Kept, Moves
from extract.decode.standard import rulebook

_SAME = 1e-7  # worth that does not count as a difference: sums of float32 in another order


class BeamSolver(Solver):
    """Searches with `width` sets at a time. Raises `ValueError` for a width below 1."""

    def __init__(self, width: int = 8) -> None:
        if width < 1:
            raise ValueError(f"Expected a beam of at least 1 set, got {width}.")
        self.width = width

    def solve(self, candidates: Candidates, constraints: Constraints) -> Selection:
        """The best selection found."""
        items = Items(candidates)
        book = rulebook(items, constraints)
        alive = hopeful(book, items.scores)
        greedy = book.supported(items.of(GreedySolver().solve(candidates, constraints)) & alive)
        kept: set[int] = set()
        for component in components(book, alive):
            start = greedy.intersection(component.items)
            worth = book.worth(start)
            if bound(book, component, items.scores) > worth + _SAME:
                best = self._search(book, component)
                if best.worth > worth + _SAME:
                    start = set(best.items)
            kept |= start
        return items.selection(kept)

    def _search(self, book: Rulebook, component: Component) -> Kept:
        scores = book.items.scores
        queue = sorted(
            (item for item in component.items if scores[item] > 0),
            key=lambda item: (_kind(book.items, item), -scores[item], item),
        )
        moves, beam = Moves(book, self.width), [Kept()]
        best = beam[0]
        for at, item in enumerate(queue):
            found = dict.fromkeys(beam)
            for state in beam:
                found.update(dict.fromkeys(moves.ways(state, item)))
            rest = queue[at + 1 :]
            beam = sorted(found, key=lambda s: -s.worth - _to_come(book, s, rest))[: self.width]
            best = max([best, *beam], key=lambda state: state.worth)
        return best


def _kind(items: Items, item: int) -> int:
    if items.as_entity(item) is not None:
        return 0
    return 1 if items.as_triple(item) is not None else 2


def _to_come(book: Rulebook, state: Kept, rest: list[int]) -> float:
    """The log-odds of the items to come that no kept item rules out."""
    kept = set(state.items)
    return sum(book.items.scores[i] for i in rest if i not in kept and not book.rivals(i, kept))
