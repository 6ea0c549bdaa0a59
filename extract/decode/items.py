"""What a decoder decides about, one number an item, and the two kinds of rule that constraints are made of.

An item is a span with a type, a triple or a qualifier. Both kinds of rule are linear in whether items are
kept:

    AtMostOne(items)         Σ x_i ≤ 1
    Needs(item, any_of)      x_item ≤ Σ x_a;  without alternatives the item is forbidden
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from extract.decode.candidates import Candidates
from extract.decode.selection import Selection


@dataclass(frozen=True, slots=True)
class AtMostOne:
    """No two of these items are kept."""

    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """The item is kept only with at least one of others; with none to choose from, never."""

    item: int
    any_of: tuple[int, ...] = ()


Rule = AtMostOne | Needs


class Items:
    """Numbers of the items of one sentence's candidates, and their scores.

    scores: (items,), a list: spans by types, then triples, then qualifiers.
    """

    def __init__(self, candidates: Candidates) -> None:
        self.candidates = candidates
        self.n_spans, self.n_types = candidates.entity_scores.shape
        self._first_triple = self.n_spans * self.n_types
        self._first_qualifier = self._first_triple + len(candidates.triples)
        self.scores: list[float] = np.concatenate(
            [
                candidates.entity_scores.reshape(-1),
                candidates.triple_scores,
                candidates.qualifier_scores,
            ]
        ).tolist()

    def __len__(self) -> int:
        return len(self.scores)

    def entity(self, row: int, label: int) -> int:
        """The item of a row of `spans` with a type."""
        return row * self.n_types + label

    def entities(self, row: int) -> range:
        """The items of a row of `spans`, one a type."""
        return range(row * self.n_types, (row + 1) * self.n_types)

    def triple(self, row: int) -> int:
        """The item of a row of `triples`."""
        return self._first_triple + row

    def qualifier(self, row: int) -> int:
        """The item of a row of `qualifiers`."""
        return self._first_qualifier + row

    def as_entity(self, item: int) -> tuple[int, int] | None:
        """Row of `spans` and type of an entity's item; None for others."""
        return divmod(item, self.n_types) if item < self._first_triple else None

    def as_triple(self, item: int) -> int | None:
        """Row of `triples` of a triple's item; None for others."""
        inside = self._first_triple <= item < self._first_qualifier
        return item - self._first_triple if inside else None

    def selection(self, kept: Iterable[int]) -> Selection:
        """Items as a selection."""
        entities, triples, qualifiers = [], [], []
        for item in sorted(kept):
            if (entity := self.as_entity(item)) is not None:
                entities.append(entity)
            elif (triple := self.as_triple(item)) is not None:
                triples.append(triple)
            else:
                qualifiers.append(item - self._first_qualifier)
        return Selection(tuple(entities), tuple(triples), tuple(qualifiers))

    def of(self, selection: Selection) -> set[int]:
        """A selection as items."""
        return {
            *(self.entity(row, label) for row, label in selection.entities),
            *map(self.triple, selection.triples),
            *map(self.qualifier, selection.qualifiers),
        }


class Rulebook:
    """The rules of one sentence, found by the items they speak of.

    Args:
        items: of the sentence.
        rules: each with the name of its constraint.
    """

    def __init__(self, items: Items, rules: Iterable[tuple[str, Rule]]) -> None:
        self.items = items
        self.groups: list[tuple[str, AtMostOne]] = []
        self.needs: list[tuple[str, Needs]] = []
        self.groups_of: dict[int, list[int]] = defaultdict(list)
        self.needs_of: dict[int, list[int]] = defaultdict(list)
        self.needed_by: dict[int, list[int]] = defaultdict(list)  # needs that the item may meet
        for name, rule in rules:
            if isinstance(rule, AtMostOne):
                for item in rule.items:
                    self.groups_of[item].append(len(self.groups))
                self.groups.append((name, rule))
            else:
                self.needs_of[rule.item].append(len(self.needs))
                for item in rule.any_of:
                    self.needed_by[item].append(len(self.needs))
                self.needs.append((name, rule))

    def worth(self, kept: Iterable[int]) -> float:
        """The sum of log-odds, in an order that does not depend on how the items were found."""
        return sum(self.items.scores[item] for item in sorted(kept))

    def rivals(self, item: int, kept: set[int]) -> set[int]:
        """Kept items that may not stand beside the item."""
        found = {
            other for at in self.groups_of.get(item, ()) for other in self.groups[at][1].items
        } & kept
        found.discard(item)
        return found

    def unmet(self, item: int, kept: set[int]) -> list[tuple[str, Needs]]:
        """What the item needs and is not kept; what leaves least choice comes first."""
        found = [
            self.needs[at]
            for at in self.needs_of.get(item, ())
            if kept.isdisjoint(self.needs[at][1].any_of)
        ]
        return sorted(found, key=lambda need: len(need[1].any_of))

    def supported(self, kept: set[int]) -> set[int]:
        """The largest part of `kept` whose items all have what they need."""
        kept = set(kept)
        while bad := [item for item in kept if self.unmet(item, kept)]:
            kept.difference_update(bad)
        return kept
