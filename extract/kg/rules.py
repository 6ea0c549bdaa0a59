"""Horn rules of a graph, such as sibling(X, Z) & father(Z, Y) => father(X, Y), and how far they hold.

A rule's body is a path of one or two statements, each either way round, from X to Y; its head joins X and Y.
With body pairs the (X, Y) that such a path joins and head pairs those the head's relation joins:

    support          body pairs that are head pairs
    confidence       support / body pairs
    PCA confidence   support / body pairs whose X has the head's relation to anything
    head coverage    support / head pairs

The PCA (partial completeness assumption) counts as wrong only what contradicts a node of which the relation
is known. It looks at X where the head is the more functional from X to Y, else at Y.

Source: Galárraga et al. 2013, AMIE: Association Rule Mining under Incomplete Evidence in Ontological
Knowledge Bases.
Differs from the paper: only paths of at most two statements, which sparse matrix products find all at once
instead of a search that refines rules; the nodes of a rule differ from each other; no constants.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from extract.kg.indexed import Floats, IndexedGraph, Ints

logger = logging.getLogger(__name__)

MAX_PATHS = 2_000_000  # of one body; more are rather noise than a rule, and cost memory
Step = tuple[int, bool]  # relation, whether it is read from object to subject
Body = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """body => head(X, Y), and on how many pairs it holds (see the module).

    `body` leads from X to Y: (relation, inverse), by name; one or two of them.
    """

    body: tuple[tuple[str, bool], ...]
    head: str
    support: int
    confidence: float
    pca_confidence: float
    head_coverage: float

    def __str__(self) -> str:
        places = "XY" if len(self.body) == 1 else "XZY"
        atoms = [
            f"{relation}({b}, {a})" if inverse else f"{relation}({a}, {b})"
            for (relation, inverse), a, b in zip(self.body, places, places[1:], strict=False)
        ]
        return f"{' & '.join(atoms)} => {self.head}(X, Y)"


def mine(
    graph: IndexedGraph,
    *,
    min_support: int = 3,
    min_confidence: float = 0.1,
    bodies: Iterable[Body] | None = None,
    max_paths: int = MAX_PATHS,
) -> list[Rule]:
    """The rules of a graph, the surest first: by PCA confidence, then support.

    Args:
        min_support, min_confidence: least support and PCA confidence.
        bodies: the bodies to try; None: all there are.
        max_paths: bodies with more paths are left out, and their number is logged.
    """
    miner = _Miner(graph)
    skipped = 0
    rules: list[Rule] = []
    for body in miner.bodies() if bodies is None else dict.fromkeys(bodies):
        n_paths = miner.n_paths(body)
        if n_paths > max_paths:
            skipped += 1
        elif n_paths >= min_support:
            rules += miner.rules(body, min_support, min_confidence)
    if skipped:
        logger.warning("%d rule bodies with more than %d paths are left out", skipped, max_paths)
    return sorted(rules, key=lambda r: (-r.pca_confidence, -r.support, len(r.body), str(r)))


class Paths:
    """The graph as one sparse matrix a relation; paths are their products."""

    def __init__(self, graph: IndexedGraph) -> None:
        self.graph = graph
        size = (graph.n_nodes, graph.n_nodes)
        self._forward, self._backward = [], []
        for relation in range(graph.n_relations):
            subject, _, object_ = graph.triples[graph.triples[:, 1] == relation].T
            matrix = sparse.csr_array((np.ones(len(subject), np.int32), (subject, object_)), size)
            self._forward.append(matrix)
            self._backward.append(sparse.csr_array(matrix.T))

    def step(self, step: Step) -> sparse.csr_array:
        """(nodes, nodes): 1 where a step leads."""
        relation, inverse = step
        return self._backward[relation] if inverse else self._forward[relation]

    def pairs(self, body: Body) -> tuple[Ints, Ints]:
        """(pairs,) and (pairs,): each X and Y that the body joins, once, X and Y different nodes."""
        matrix = self.step(body[0])
        for step in body[1:]:
            matrix = matrix @ self.step(step)
        found = matrix.tocoo()
        x, y = found.coords
        apart = x != y
        return x[apart].astype(np.int64), y[apart].astype(np.int64)


class _Miner:
    def __init__(self, graph: IndexedGraph) -> None:
        self.graph, self.paths = graph, Paths(graph)
        subject, relation, object_ = graph.triples.T
        order = np.lexsort((relation, object_, subject))
        keys = (subject * graph.n_nodes + object_)[order]
        self._keys, starts = np.unique(keys, return_index=True)  # the pairs that anything joins
        self._bounds = np.append(starts, len(keys))
        self._relations = relation[order]  # of pair i: those from bounds[i] to bounds[i + 1]
        size = (graph.n_relations, graph.n_nodes)
        ones = np.ones(len(relation), np.int64)
        self._subjects = sparse.csr_array((ones, (relation, subject)), size)
        self._objects = sparse.csr_array((ones, (relation, object_)), size)
        self._n_facts = np.bincount(relation, minlength=graph.n_relations)
        self._from_subject = self._subjects.count_nonzero(axis=1) >= self._objects.count_nonzero(
            axis=1
        )
        self._n_paths: Floats | None = None

    def steps(self) -> list[Step]:
        return [
            (relation, way) for relation in range(self.graph.n_relations) for way in (False, True)
        ]

    def bodies(self) -> Iterator[Body]:
        """All bodies with a path; one read backwards is another, since a rule's X and Y are not alike."""
        for step in self.steps():
            yield (step,)
        for first, second in np.argwhere(self._counted_paths() > 0).tolist():
            yield self._step(first), self._step(second)

    @staticmethod
    def _step(number: int) -> Step:
        return number // 2, bool(number % 2)

    def _counted_paths(self) -> Floats:
        """(steps, steps): how many paths two steps make, by the nodes where they meet."""
        if self._n_paths is None:
            n = self.graph.n_relations
            into = sparse.vstack([self._objects, self._subjects]).astype(np.float64)
            place = np.arange(2 * n).reshape(2, n).T.ravel()  # rows by step: relation, then way
            ends = sparse.csr_array(into)[place]
            starts = sparse.csr_array(into)[np.arange(2 * n).reshape(2, n)[::-1].T.ravel()]
            self._n_paths = (ends @ starts.T).toarray()
        return self._n_paths

    def n_paths(self, body: Body) -> int:
        if len(body) == 1:
            return int(self._n_facts[body[0][0]])
        first, second = (2 * relation + inverse for relation, inverse in body)
        return int(self._counted_paths()[first, second])

    def rules(self, body: Body, min_support: int, min_confidence: float) -> Iterator[Rule]:
        x, y = self.paths.pairs(body)
        if len(x) < min_support:
            return
        support = self._support(x, y)
        heads = np.flatnonzero(support >= min_support)
        if not len(heads):
            return
        by_x, by_y = (np.bincount(end, minlength=self.graph.n_nodes) for end in (x, y))
        for head in heads.tolist():
            if body == ((head, False),):
                continue
            known, counted = (
                (self._subjects, by_x) if self._from_subject[head] else (self._objects, by_y)
            )
            start, end = known.indptr[head : head + 2]
            pca = support[head] / counted[np.unique(known.indices[start:end])].sum()
            if pca >= min_confidence:
                yield self._rule(body, head, int(support[head]), len(x), float(pca))

    def _support(self, x: Ints, y: Ints) -> Ints:
        """(relations,): how many of some pairs each relation joins."""
        keys = x * self.graph.n_nodes + y
        at = np.searchsorted(self._keys, keys)
        at = at[self._keys[np.minimum(at, len(self._keys) - 1)] == keys]
        lengths = self._bounds[at + 1] - self._bounds[at]
        before = np.cumsum(lengths) - lengths
        places = np.repeat(self._bounds[at] - before, lengths) + np.arange(lengths.sum())
        return np.bincount(self._relations[places], minlength=self.graph.n_relations)

    def _rule(self, body: Body, head: int, support: int, n_body: int, pca: float) -> Rule:
        names = self.graph.relations
        return Rule(
            tuple((names[relation], inverse) for relation, inverse in body),
            names[head],
            support,
            support / n_body,
            pca,
            support / int(self._n_facts[head]),
        )
