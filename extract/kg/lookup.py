"""Entities of a graph by what people call them: identifier, IRI, label or alias."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from extract.errors import InputError
from extract.kg.entities import BaseEntities, BaseEntity, EntityTypes
from extract.kg.structures import Graph, Node

_LISTED = 8  # choices that an error names


@dataclass(frozen=True, slots=True)
class Member:
    """An entity from before resolution, and the node that it became part of."""

    base: BaseEntity
    node: Node

    def __str__(self) -> str:
        return f"{self.base.id} {_named(self.base.texts[0], self.base.type)}{_places(self.base)}"


class Lookup:
    """The nodes of a graph and what was merged into them, by name.

    A name is an identifier, an IRI or prefixed name that ends in one, or a label or alias in any case.
    """

    def __init__(self, graph: Graph, types: EntityTypes) -> None:
        self.graph = graph
        self._types = types
        self._by_name: dict[str, list[Node]] = defaultdict(list)
        self._by_member: dict[str, Node] = {}
        for node in graph.nodes.values():
            for name in {_folded(text) for text in (node.label, *node.aliases)}:
                self._by_name[name].append(node)
            self._by_member.update(dict.fromkeys(node.members, node))

    def nodes(self, name: str) -> list[Node]:
        """The nodes of that name. Raises `InputError` if there is none."""
        id = _local(name)
        if id in self._by_member:
            return [self._by_member[id]]
        found = self._by_name.get(_folded(name), [])
        if not found:
            raise InputError(
                f"No entity is called {name[:80]!r}. Expected a label, an alias or an identifier; a query "
                "for rdfs:label and skos:altLabel lists them."
            )
        return found

    def node(self, name: str) -> Node:
        """The one node of that name. Raises `InputError` if there is none, or listing them if several."""
        found = self.nodes(name)
        if len(found) > 1:
            choices = (
                f"{node.id} {_named(node.label, node.type)}, {len(node.mentions)} mentions"
                for node in found
            )
            raise InputError(
                f"{len(found)} entities are called {name[:80]!r}. Give one's identifier: {_list(choices)}."
            )
        return found[0]

    def members(self, node: Node) -> list[Member]:
        """What was merged into a node, by identifier; the node itself alone if nothing was."""
        bases = BaseEntities(node.mentions, self._types)
        return [Member(base, node) for base in bases.values()]

    def node_of(self, member: str) -> Node:
        """The node that an entity from before resolution became part of, by identifiers."""
        return self._by_member[member]

    def joined_pair(self, one: str, other: str) -> tuple[Member, Member]:
        """The two entities of these names that are one now.

        Raises `InputError` if no two are, or several.
        """
        pairs = [
            (a, b)
            for a, b in product(self._named_members(one), self._named_members(other))
            if a.node.id == b.node.id and a.base.id != b.base.id
        ]
        if not pairs:
            raise InputError(
                f"{one[:80]!r} and {other[:80]!r} are not merged into one entity. "
                "`tripack graph explain` lists what is."
            )
        if len(pairs) > 1:
            choices = {str(member) for pair in pairs for member in pair}
            raise InputError(
                f"Several merged entities are called {one[:80]!r} or {other[:80]!r}. Give identifiers: "
                f"{_list(sorted(choices))}."
            )
        return pairs[0]

    def _named_members(self, name: str) -> list[Member]:
        folded, id = _folded(name), _local(name)
        members = [member for node in self.nodes(name) for member in self.members(node)]
        exact = [m for m in members if m.base.id == id]
        return exact or [m for m in members if folded in map(_folded, m.base.texts)]


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _local(name: str) -> str:
    """The identifier at the end of an IRI, a prefixed name, or the name itself."""
    return name.strip("<> ").rpartition("/")[2].rpartition("ent:")[2]


def _named(label: str, type: str | None) -> str:
    return f"{label[:60]!r} ({type or 'no type'})"


def _places(base: BaseEntity) -> str:
    n = len(base.documents)
    return f" in {base.documents[0][:60]}" if n == 1 else f" in {n} documents"


def _list(choices: Iterable[str]) -> str:
    listed = list(choices)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return "; ".join(listed[:_LISTED]) + more
