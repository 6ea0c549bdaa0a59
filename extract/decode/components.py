"""Which items have a chance, and which of them have to do with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from extract.decode.items import Rulebook


@dataclass(frozen=True, slots=True)
class Component:
    """Items that rules connect, and the rules among them; other items neither limit them nor need them.

    groups: items of which at most one is kept.
    needs: an item and those of which it needs one.
    """

    items: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    needs: tuple[tuple[int, tuple[int, ...]], ...]


def hopeful(book: Rulebook, scores: Sequence[float]) -> set[int]:
    """The items that may be in a best selection.

    What cannot be kept is left out, and so is what cannot gain: an item at or below 0 goes where the items
    that may come to need it do not make up for it. Taking it out of a selection, with all that need it,
    then breaks no rule and loses nothing.
    """
    alive = set(range(len(scores)))
    while True:
        impossible = {
            need.item
            for _, need in book.needs
            if need.item in alive and alive.isdisjoint(need.any_of)
        }
        alive -= impossible
        hopeless = {
            item for item in alive if scores[item] <= 0 and not _may_gain(book, scores, alive, item)
        }
        alive -= hopeless
        if not impossible and not hopeless:
            return alive


def _may_gain(book: Rulebook, scores: Sequence[float], alive: set[int], item: int) -> bool:
    """Whether all positive scores of what may need the item, directly or not, make up for its own."""
    seen, waiting, total = {item}, [item], scores[item]
    while waiting:
        for at in book.needed_by.get(waiting.pop(), ()):
            other = book.needs[at][1].item
            if other in alive and other not in seen:
                seen.add(other)
                waiting.append(other)
                total += max(0.0, scores[other])
                if total > 0:
                    return True
    return False


def components(book: Rulebook, alive: set[int], *, split: bool = True) -> list[Component]:
    """The hopeful items by component, in order of their first item; without `split`, all as one."""
    groups = [tuple(i for i in rule.items if i in alive) for _, rule in book.groups]
    groups = list(dict.fromkeys(group for group in groups if len(group) > 1))
    needs = list(
        dict.fromkeys(
            (rule.item, tuple(i for i in rule.any_of if i in alive))
            for _, rule in book.needs
            if rule.item in alive
        )
    )
    root = {item: item for item in alive}

    def find(item: int) -> int:
        while root[item] != item:
            root[item] = root[root[item]]
            item = root[item]
        return item

    linked = [*groups, *((item, *any_of) for item, any_of in needs)]
    for first, *others in linked if split else [tuple(alive)] if alive else []:
        for other in others:
            root[find(other)] = find(first)
    members: dict[int, list[int]] = defaultdict(list)
    for item in sorted(alive):
        members[find(item)].append(item)
    own_groups: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for group in groups:
        own_groups[find(group[0])].append(group)
    own_needs: dict[int, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
    for item, any_of in needs:
        own_needs[find(item)].append((item, any_of))
    return [
        Component(tuple(items), tuple(own_groups[at]), tuple(own_needs[at]))
        for at, items in members.items()
    ]


def bound(book: Rulebook, component: Component, scores: Sequence[float]) -> float:
    """No selection from the component is worth more: every positive item, of each span the best type."""
    best: dict[int, float] = defaultdict(float)
    total = 0.0
    for item in component.items:
        if (entity := book.items.as_entity(item)) is None:
            total += max(0.0, scores[item])
        else:
            best[entity[0]] = max(best[entity[0]], scores[item])
    return total + sum(best.values())
