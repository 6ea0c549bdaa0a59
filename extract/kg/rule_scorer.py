"""Triples scored by the rules that imply them.

A triple's score is the confidence of the surest rule that implies it; of two with the same, the one that
more rules imply is ahead.

Source: Meilicke et al. 2019, Anytime Bottom-Up Rule Learning for Knowledge Graph Completion (the surest rule
decides; five pairs are added to a body, so that few examples convince less).
Differs from the paper: ties go by the sum of all confidences, not by the second surest rule and so on; no
rules with constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from extract.kg.indexed import Floats, IndexedGraph, Ints
from extract.kg.rules import Body, Paths, Rule

_ADDED_PAIRS = 5
_TIE = 1e-3


@dataclass(frozen=True)
class RuleScorer:
    """Scores of the triples that rules imply; a `Scorer`, 0 for every other triple.

    `scores` is a matrix (nodes, nodes) a relation; `best` the same with 1 + the place in `rules` of the
    surest rule.
    """

    rules: Sequence[Rule]
    scores: list[sparse.csr_array]
    best: list[sparse.csr_array]
    _by_object: list[sparse.csc_array] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_object", [sparse.csc_array(m) for m in self.scores])

    def objects(self, subjects: Ints, relations: Ints) -> Floats:
        """(queries, nodes): scores of all nodes as objects."""
        return _lines(self.scores, relations, subjects)

    def subjects(self, relations: Ints, objects: Ints) -> Floats:
        """(queries, nodes): scores of all nodes as subjects."""
        return _lines(self._by_object, relations, objects)

    def relations(self, subjects: Ints, objects: Ints) -> Floats:
        """(queries, relations): scores of all relations."""
        return np.stack([_at(matrix, subjects, objects) for matrix in self.scores], axis=1)

    def triples(self, triples: Ints) -> Floats:
        """(triples,): scores of triples (triples, 3)."""
        return _of_triples(self.scores, triples)

    def because(self, triples: Ints) -> list[Rule | None]:
        """The surest rule that implies each triple; None where none does."""
        places = _of_triples(self.best, triples).astype(int)
        return [self.rules[place - 1] if place else None for place in places.tolist()]

    def implied(self) -> Ints:
        """(triples, 3): all triples that have a score."""
        parts = [
            np.stack([matrix.row, np.full(matrix.nnz, relation), matrix.col], axis=1)
            for relation, matrix in enumerate(scores.tocoo() for scores in self.scores)
        ]
        return np.concatenate(parts).astype(np.int64)


def apply_rules(graph: IndexedGraph, rules: Sequence[Rule]) -> RuleScorer:
    """What rules imply of a graph; their relations are the graph's."""
    paths, number = Paths(graph), {name: at for at, name in enumerate(graph.relations)}
    by_head: list[list[int]] = [[] for _ in graph.relations]
    for place, rule in enumerate(rules):
        by_head[number[rule.head]].append(place)
    joined: dict[Body, tuple[Ints, Ints]] = {}
    scores, best = [], []
    for places in by_head:
        x, y, confidence, of = [], [], [], []
        for place in places:
            rule = rules[place]
            body = tuple((number[relation], inverse) for relation, inverse in rule.body)
            if body not in joined:
                joined[body] = paths.pairs(body)
            ends = joined[body]
            x.append(ends[0])
            y.append(ends[1])
            sure = rule.support / (rule.support / rule.confidence + _ADDED_PAIRS)
            confidence.append(np.full(len(ends[0]), sure))
            of.append(np.full(len(ends[0]), place + 1))
        size = (graph.n_nodes, graph.n_nodes)
        if not x:
            scores.append(sparse.csr_array(size))
            best.append(sparse.csr_array(size))
            continue
        x_of, y_of, rule_of = (np.concatenate(part) for part in (x, y, of))
        of_pair = _surest(x_of, y_of, np.concatenate(confidence), rule_of, graph.n_nodes)
        scores.append(sparse.csr_array((of_pair[2], of_pair[:2]), size))
        best.append(sparse.csr_array((of_pair[3].astype(float), of_pair[:2]), size))
    return RuleScorer(rules, scores, best)


def _surest(
    x: Ints, y: Ints, confidence: Floats, rule: Ints, n_nodes: int
) -> tuple[Ints, Ints, Floats, Ints]:
    """Each pair once: its score, and the rule with the most confidence."""
    keys = x * n_nodes + y
    order = np.lexsort((rule, -confidence, keys))
    unique, first = np.unique(keys[order], return_index=True)
    if not len(unique):
        return x, y, confidence, rule
    total = np.add.reduceat(confidence[order], first)
    surest = confidence[order][first]
    score = surest + _TIE * total / (1 + total)
    return unique // n_nodes, unique % n_nodes, score, rule[order][first]


def _of_triples(matrices: list[sparse.csr_array], triples: Ints) -> Floats:
    found = np.zeros(len(triples))
    subject, relation, object_ = triples.T
    for number in np.unique(relation):
        own = relation == number
        found[own] = _at(matrices[number], subject[own], object_[own])
    return found


def _lines(
    matrices: Sequence[sparse.csr_array] | Sequence[sparse.csc_array], relations: Ints, nodes: Ints
) -> Floats:
    """(queries, nodes): of each query's relation the row, or of column matrices the column, of its node."""
    found = np.zeros((len(nodes), matrices[0].shape[0]))
    for row, (relation, node) in enumerate(zip(relations, nodes, strict=True)):
        matrix = matrices[relation]
        own = slice(matrix.indptr[node], matrix.indptr[node + 1])
        found[row, matrix.indices[own]] = matrix.data[own]
    return found


def _at(matrix: sparse.csr_array, rows: Ints, columns: Ints) -> Floats:
    found: Floats = np.asarray(matrix[rows, columns]).ravel()
    return found
