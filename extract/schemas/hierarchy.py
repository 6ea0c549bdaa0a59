"""The is-a hierarchy of entity types or relations: who is below whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

Parents = Mapping[str, Sequence[str]]


def find_cycle(parents: Parents) -> list[str] | None:
    """A cycle of is-a steps, its first name repeated at its end; None if there is none."""
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1][::-1]  # from child to parent
        return cycle
    return None


def ancestors(parents: Parents) -> dict[str, frozenset[str]]:
    """All names above each name, itself left out. `parents` has no cycle."""
    above: dict[str, frozenset[str]] = {}
    for name in TopologicalSorter(parents).static_order():
        own = parents.get(name, ())
        above[name] = frozenset(own).union(*(above[parent] for parent in own))
    return above


def descendants(parents: Parents) -> dict[str, frozenset[str]]:
    """Each name with all names below it, itself among them. `parents` has no cycle."""
    below: dict[str, set[str]] = {}
    for name, above in ancestors(parents).items():
        for owner in (name, *above):
            below.setdefault(owner, set()).add(name)
    return {name: frozenset(names) for name, names in below.items()}
