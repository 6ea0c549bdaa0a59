"""Statements that a graph lacks and that are likely, given those it has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from extract.kg.indexed import IndexedGraph, Ints
from extract.kg.plausibility import TripleScorer
from extract.kg.ranking import Scorer
from extract.kg.rule_scorer import RuleScorer
from extract.kg.schema_rules import SchemaRules
from extract.schema import Schema

_PER_QUERY = 3  # best answers of a scorer to (subject, relation, ?) and (?, relation, object)
_QUERIES = 256
_PER_LINK = 50  # candidates of the rules for each link asked for


@dataclass(frozen=True, slots=True)
class Link:
    """A statement the graph lacks: identifiers of nodes, and the rule that implies it, if one does.

    `score` is a plausibility (`plausibility.py`): of links it is for their order, not a probability that
    they are true.
    """

    subject: str
    relation: str
    object: str
    score: float
    because: str | None

    def to_dict(self) -> dict[str, Any]:
        """The link as plain values."""
        return asdict(self) | {"score": round(self.score, 4)}


def propose(
    graph: IndexedGraph,
    score: TripleScorer,
    rules: RuleScorer,
    scorer: Scorer,
    schema: Schema | None,
    n_links: int,
) -> tuple[Link, ...]:
    """The `n_links` likeliest links by `score`, of those that rules imply and that `scorer` ranks high.

    Pairs of types that a relation never has in the graph are left out, and what the schema forbids.
    """
    candidates = _new(
        graph, np.concatenate([_implied(rules, n_links * _PER_LINK), _ranked(graph, scorer)])
    )
    scores = score(candidates)
    order = np.argsort(-scores, kind="stable")
    found: list[Link] = []
    allowed = _Allowed(graph, schema)
    reasons = rules.because(candidates)
    for place in order.tolist():
        if len(found) == n_links:
            break
        if allowed.take(candidates[place]):
            because = reasons[place]
            found.append(
                Link(
                    *graph.named(candidates[place]),
                    score=float(scores[place]),
                    because=None if because is None else str(because),
                )
            )
    return tuple(found)


def _implied(rules: RuleScorer, n: int) -> Ints:
    """(at most n, 3): what the surest rules imply."""
    triples = rules.implied()
    return triples[np.argsort(-rules.triples(triples), kind="stable")[:n]]


def _ranked(graph: IndexedGraph, scorer: Scorer) -> Ints:
    """(candidates, 3): the best answers to each query that the graph answers already."""
    by_subject, by_object = (np.unique(graph.triples[:, ends], axis=0) for ends in ([0, 1], [1, 2]))
    parts = [np.zeros((0, 3), np.int64)]
    k = min(_PER_QUERY, graph.n_nodes)
    for start in range(0, len(by_subject), _QUERIES):
        subject, relation = by_subject[start : start + _QUERIES].T
        best = np.argpartition(-scorer.objects(subject, relation), k - 1, axis=1)[:, :k]
        ends = [np.repeat(end, k) for end in (subject, relation)]
        parts.append(np.stack([*ends, best.ravel()], axis=1))
    for start in range(0, len(by_object), _QUERIES):
        relation, object_ = by_object[start : start + _QUERIES].T
        best = np.argpartition(-scorer.subjects(relation, object_), k - 1, axis=1)[:, :k]
        ends = [np.repeat(end, k) for end in (relation, object_)]
        parts.append(np.stack([best.ravel(), *ends], axis=1))
    return np.concatenate(parts)


def _new(graph: IndexedGraph, triples: Ints) -> Ints:
    """Each once, in order, without those of the graph, of one node, or of types never so joined."""
    triples = np.unique(triples, axis=0)
    kinds = graph.type_of[graph.triples[:, 0]], graph.type_of[graph.triples[:, 2]]
    seen = np.zeros((len(graph.type_names), graph.n_relations, len(graph.type_names)), bool)
    seen[kinds[0], graph.triples[:, 1], kinds[1]] = True
    subject, relation, object_ = triples.T
    fits = seen[graph.type_of[subject], relation, graph.type_of[object_]]
    known = np.isin(graph.keys(triples), graph.keys(graph.triples))
    return triples[fits & ~known & (subject != object_)]


class _Allowed:
    """What a schema admits beside a graph's statements and the links taken so far."""

    def __init__(self, graph: IndexedGraph, schema: Schema | None) -> None:
        self.graph = graph
        self.rules = None if schema is None else SchemaRules(schema)
        self.objects = {(s, r) for s, r, _ in graph.triples.tolist()}
        self.subjects = {(r, o) for _, r, o in graph.triples.tolist()}

    def take(self, triple: Ints) -> bool:
        """Whether the triple may be added; if so it is."""
        subject, relation, object_ = triple.tolist()
        name, rules = self.graph.relations[relation], self.rules
        if rules is not None and (
            not rules.admits_subject(name, self.graph.types[subject])
            or not rules.admits_object(name, self.graph.types[object_])
            or (rules.is_functional(name) and (subject, relation) in self.objects)
            or (rules.is_inverse_functional(name) and (relation, object_) in self.subjects)
        ):
            return False
        self.objects.add((subject, relation))
        self.subjects.add((relation, object_))
        return True
