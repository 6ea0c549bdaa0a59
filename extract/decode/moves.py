"""Steps of a search over rules: an item comes in together with what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from extract.decode.items import Rulebook

_MAX_DEPTH = 12  # items that one step may bring in after each other


@dataclass(frozen=True, slots=True)
class Kept:
    """Items that obey all rules together, and the sum of their log-odds."""

    items: frozenset[int] = frozenset()
    worth: float = 0.0


class Moves:
    """Steps from one set of kept items to the next.

    Args:
        book: the rules.
        width: how many ways to bring an item in are tried; 1 takes the best choice for each need in turn.
    """

    def __init__(self, book: Rulebook, width: int = 1) -> None:
        self.book = book
        self.width = width

    def ways(self, kept: Kept, item: int) -> list[Kept]:
        """What `kept` becomes when the item comes in: at most `width` sets, the best first.

        A span that is kept with another type is retyped where nothing kept needs that type. What the item
        needs comes with it, whether it pays or not. Nothing else goes.
        """
        if item in kept.items:
            return [kept]
        found = [
            items
            for items in self._added(kept.items, item, kept.items, 0)
            if not any(self.book.unmet(new, set(items)) for new in items - kept.items)
        ]
        states = [Kept(items, self.book.worth(items)) for items in found]
        return sorted(states, key=lambda state: -state.worth)[: self.width]

    def _added(
        self, kept: frozenset[int], item: int, before: frozenset[int], depth: int
    ) -> list[frozenset[int]]:
        """`kept` with the item and what it needs.

        Items of `before` still have what they need; those that came since may yet wait for theirs.
        """
        rivals = self.book.rivals(item, set(kept))
        if depth > _MAX_DEPTH or not all(self._same_span(item, rival) for rival in rivals):
            return []
        with_item = (kept - rivals) | {item}
        if not self._stands(with_item, rivals, before):
            return []
        states = [with_item]
        for _, need in self.book.unmet(item, set(with_item)):
            states = self._met(states, need.any_of, before, depth)
        return states

    def _met(
        self,
        states: list[frozenset[int]],
        any_of: tuple[int, ...],
        before: frozenset[int],
        depth: int,
    ) -> list[frozenset[int]]:
        """The states in which one of `any_of` is kept, brought in if it was not."""
        scores = self.book.items.scores
        choices = sorted(any_of, key=lambda item: (-scores[item], item))
        found: dict[frozenset[int], None] = {}
        for state in states:
            if not state.isdisjoint(any_of):
                found[state] = None
                continue
            n_before = len(found)
            for choice in choices:
                found.update(dict.fromkeys(self._added(state, choice, before, depth + 1)))
                if len(found) - n_before >= self.width:
                    break
        return sorted(found, key=lambda state: -self.book.worth(state))[: self.width]

    def _same_span(self, item: int, other: int) -> bool:
        one, two = self.book.items.as_entity(item), self.book.items.as_entity(other)
        return one is not None and two is not None and one[0] == two[0]

    def _stands(self, kept: frozenset[int], gone: set[int], before: frozenset[int]) -> bool:
        """Whether those of `before` that may have needed what is gone have another."""
        dependents = {
            self.book.needs[at][1].item for item in gone for at in self.book.needed_by.get(item, ())
        }
        return not any(self.book.unmet(item, set(kept)) for item in dependents & before)
