"""Triples held out of training, so that what is left still knows every node and relation.

All triples that join two nodes, either way round, are held out together: else an inverse that stays behind
gives the answer away (Toutanova and Chen 2015, Observed Versus Latent Features for Knowledge Base and Text
Inference, make that point).
"""

from __future__ import annotations

import numpy as np

from extract.kg.indexed import Ints


def hold_out(triples: Ints, share: float, seed: int) -> Ints:
    """Rows of `triples` to hold out, sorted: at most `share` of them, chosen by `seed`.

    Every node and relation of a triple held out is in one that is not; where nodes have few triples fewer
    are held out than asked for.
    """
    wanted = int(share * len(triples))
    chosen: list[int] = []
    left = _Left(triples)
    for rows in _shuffled_pairs(triples, seed):
        if len(chosen) + len(rows) <= wanted and left.take(rows):
            chosen += rows
    return np.array(sorted(chosen), np.int64)


def folds(triples: Ints, n_folds: int, seed: int) -> list[Ints]:
    """Rows of `triples` in disjoint folds; without any one fold all its nodes and relations are still known.

    Triples that must never be held out, such as a node's only one, are in no fold.
    """
    parts: list[list[int]] = [[] for _ in range(n_folds)]
    left = [_Left(triples) for _ in range(n_folds)]
    for rows in _shuffled_pairs(triples, seed):
        for fold in sorted(range(n_folds), key=lambda f: len(parts[f])):
            if left[fold].take(rows):
                parts[fold] += rows
                break
    return [np.array(sorted(part), np.int64) for part in parts]


class _Left:
    """How often each node and relation still occurs as triples are taken away."""

    def __init__(self, triples: Ints) -> None:
        self._triples = triples
        size = int(triples.max(initial=-1)) + 1
        self._nodes = np.bincount(triples[:, [0, 2]].ravel(), minlength=size)
        self._relations = np.bincount(triples[:, 1], minlength=size)

    def take(self, rows: list[int]) -> bool:
        """Take rows away and say so, unless a node or relation would be left without any."""
        nodes, n_nodes = np.unique(self._triples[rows][:, [0, 2]], return_counts=True)
        relations, n_relations = np.unique(self._triples[rows][:, 1], return_counts=True)
        if (self._nodes[nodes] <= n_nodes).any() or (
            self._relations[relations] <= n_relations
        ).any():
            return False
        self._nodes[nodes] -= n_nodes
        self._relations[relations] -= n_relations
        return True


def _shuffled_pairs(triples: Ints, seed: int) -> list[list[int]]:
    """Rows by the two nodes they join, in random order."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for row, (subject, _, object_) in enumerate(triples.tolist()):
        pairs.setdefault((min(subject, object_), max(subject, object_)), []).append(row)
    groups = list(pairs.values())
    return [groups[at] for at in np.random.default_rng(seed).permutation(len(groups))]
