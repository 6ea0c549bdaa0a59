"""A graph's statements between nodes as numbers, with which everything on top of the graph computes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from extract.kg.structures import Graph

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class IndexedGraph:
    """Triples (triples, 3) of subject, relation, object, each once and sorted; what the numbers stand for.

    `nodes` are identifiers, sorted; only nodes that a triple joins are among them. `types` are the nodes'
    types and `relations` the relations' names, sorted. `n_literals` counts the statements left out because
    their object is a literal, `n_loops` those left out because they join a node to itself.
    """

    nodes: tuple[str, ...]
    types: tuple[str | None, ...]
    relations: tuple[str, ...]
    triples: Ints
    n_literals: int = 0
    n_loops: int = 0

    @classmethod
    def of(cls, graph: Graph) -> IndexedGraph:
        """The statements of a graph that join two nodes."""
        joined: list[tuple[str, str, str]] = []
        n_literals = n_loops = 0
        for statement in graph.statements.values():
            if not isinstance(statement.object, str):
                n_literals += 1
            elif statement.object == statement.subject:
                n_loops += 1
            else:
                joined.append((statement.subject, statement.relation, statement.object))
        types = {id: node.type for id, node in graph.nodes.items()}
        return cls.of_triples(joined, types, n_literals, n_loops)

    @classmethod
    def of_triples(
        cls,
        joined: Iterable[tuple[str, str, str]],
        types: dict[str, str | None],
        n_literals: int = 0,
        n_loops: int = 0,
    ) -> IndexedGraph:
        """The graph of (subject, relation, object) and the types of its nodes."""
        unique = sorted(set(joined))
        nodes = tuple(sorted({end for s, _, o in unique for end in (s, o)}))
        relations = tuple(sorted({relation for _, relation, _ in unique}))
        node_at = {node: at for at, node in enumerate(nodes)}
        relation_at = {relation: at for at, relation in enumerate(relations)}
        rows = [(node_at[s], relation_at[r], node_at[o]) for s, r, o in unique]
        triples = np.array(sorted(rows), np.int64).reshape(-1, 3)
        return cls(
            nodes, tuple(types.get(n) for n in nodes), relations, triples, n_literals, n_loops
        )

    @property
    def n_nodes(self) -> int:
        """How many nodes triples join."""
        return len(self.nodes)

    @property
    def n_relations(self) -> int:
        """How many relations there are."""
        return len(self.relations)

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """The types of the nodes, sorted; "" stands for none."""
        return tuple(sorted({t or "" for t in self.types}))

    @cached_property
    def type_of(self) -> Ints:
        """(nodes,): each node's place in `type_names`."""
        at = {name: place for place, name in enumerate(self.type_names)}
        return np.array([at[t or ""] for t in self.types], np.int64)

    def keys(self, triples: Ints) -> Ints:
        """(triples,): one number for each triple, equal for equal triples only."""
        subject, relation, object_ = triples.T
        return (subject * self.n_relations + relation) * self.n_nodes + object_

    def named(self, triple: Ints) -> tuple[str, str, str]:
        """Identifier, relation, identifier of one triple."""
        subject, relation, object_ = triple.tolist()
        return self.nodes[subject], self.relations[relation], self.nodes[object_]
