"""Scorers that learn nothing but counts, which models of a graph have to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extract.kg.indexed import Floats, IndexedGraph, Ints
from extract.kg.prior import RelationPrior

_UNSEEN = 0.1  # occurrences that a node counts for where a relation never had it


@dataclass(frozen=True)
class CountScorer:
    """log P(relation | types), and for `by_node` also how often each node is an end of the relation.

    Args:
        by_types: (types, relations, types) of log P(relation | subject type, object type).
        subject_share, object_share: (relations, nodes), log share of a relation's ends; 0 if not counted.
        type_of: (nodes,).
    """

    by_types: Floats
    subject_share: Floats
    object_share: Floats
    type_of: Ints

    def objects(self, subjects: Ints, relations: Ints) -> Floats:
        """(queries, nodes): scores of all nodes as objects."""
        by_type = self.by_types[self.type_of[subjects], relations]  # (queries, types)
        return by_type[:, self.type_of] + self.object_share[relations]

    def subjects(self, relations: Ints, objects: Ints) -> Floats:
        """(queries, nodes): scores of all nodes as subjects."""
        by_type = self.by_types[:, relations, self.type_of[objects]].T  # (queries, types)
        return by_type[:, self.type_of] + self.subject_share[relations]

    def relations(self, subjects: Ints, objects: Ints) -> Floats:
        """(queries, relations): scores of all relations."""
        by_types = self.by_types[self.type_of[subjects], :, self.type_of[objects]]
        shares = self.subject_share[:, subjects] + self.object_share[:, objects]
        return by_types + shares.T

    def triples(self, triples: Ints) -> Floats:
        """(triples,): scores of triples (triples, 3)."""
        subject, relation, object_ = triples.T
        shares = self.subject_share[relation, subject] + self.object_share[relation, object_]
        return self.by_types[self.type_of[subject], relation, self.type_of[object_]] + shares


def count(graph: IndexedGraph, rows: Ints, *, by_node: bool) -> CountScorer:
    """Count the graph's triples `rows`; `by_node` counts nodes besides their types."""
    triples, types = graph.triples[rows], graph.type_names
    ends = graph.type_of[triples[:, [0, 2]]]
    prior = RelationPrior.of_typed(
        (types[s], graph.relations[r], types[o])
        for s, r, o in zip(ends[:, 0], triples[:, 1], ends[:, 1], strict=True)
    )
    by_types = np.log(
        [
            [[prior.probability(name, s, o) for o in types] for name in graph.relations]
            for s in types
        ]
    )
    subject_share, object_share = (_shares(graph, triples, end, by_node) for end in (0, 2))
    return CountScorer(by_types, subject_share, object_share, graph.type_of)


def _shares(graph: IndexedGraph, triples: Ints, end: int, by_node: bool) -> Floats:
    if not by_node:
        return np.zeros((graph.n_relations, graph.n_nodes))
    counts = np.full((graph.n_relations, graph.n_nodes), _UNSEEN)
    np.add.at(counts, (triples[:, 1], triples[:, end]), 1)
    found: Floats = np.log(counts / counts.sum(axis=1, keepdims=True))
    return found
