"""Why a candidate above its threshold was left out: the rule it would break, and what stands in its place."""

from __future__ import annotations

from dataclasses import dataclass

from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraints
from extract.decode.items import Items, Rulebook
from extract.decode.selection import Selection
from extract.decode.standard import rulebook

NOT_FOUND = "not found by the search"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is not kept.

    constraint: the name of the constraint that it would break.
    in_favour_of: the kept items that are in the way; none where what it needs scores too low.
    """

    item: int
    constraint: str
    in_favour_of: tuple[int, ...]


def removed(candidates: Candidates, constraints: Constraints, kept: Selection) -> list[Reason]:
    """The reason for each item above 0 that is not kept: entities, triples, qualifiers."""
    items = Items(candidates)
    book, own = rulebook(items, constraints), items.of(kept)
    return [
        _reason(book, own, item)
        for item, score in enumerate(items.scores)
        if score > 0 and item not in own
    ]


def _reason(book: Rulebook, kept: set[int], item: int) -> Reason:
    """Of several rules the first: kept rivals before missing company."""
    for at in book.groups_of.get(item, ()):
        name, rule = book.groups[at]
        if rivals := sorted(kept.intersection(rule.items)):
            return Reason(item, name, tuple(rivals))
    for at in book.needs_of.get(item, ()):
        name, need = book.needs[at]
        if kept.isdisjoint(need.any_of):
            instead = {rival for other in need.any_of for rival in book.rivals(other, kept)}
            return Reason(item, name, tuple(sorted(instead)))
    return Reason(item, NOT_FOUND, ())
