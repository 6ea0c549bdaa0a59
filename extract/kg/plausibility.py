"""How plausible statements are, given all the others: models, rules and counts weighed against each other.

Each statement is judged by scorers that learned from the others only (cross-fitting): the graph is cut into
folds, and those of a fold are scored by what was learned from the rest. A logistic map of these scores is
fitted to tell statements from false ones, made by giving statements random ends; it too is fitted on other
folds than it is applied to. So a plausibility is the probability that the statement is none of as many
random ones. That is not the probability that it is true: what is false in an extracted graph is seldom
random.

A node that is in one statement only is known from nothing else. Such statements are in no fold and are judged
by the types of their ends alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from extract.kg.indexed import Floats, IndexedGraph, Ints
from extract.kg.splits import folds

TripleScorer = Callable[[Ints], Floats]  # scores (triples,) of triples (triples, 3)
# Learns the graph's triples `rows`; the first of the scorers knows types only.
Fit = Callable[[IndexedGraph, Ints], Sequence[TripleScorer]]


@dataclass(frozen=True, slots=True)
class Plausibility:
    """Plausibilities (triples,) in [0, 1] of a graph's triples, and how well they tell.

    `judged` (triples,): whether more than types was known. `auc` is the probability that a statement
    scores above a false one made of it, `calibration_error` the mean difference between plausibility
    and share of statements over ten bins, both of judged statements and as many false ones.
    """

    scores: Floats
    judged: Ints
    auc: float
    calibration_error: float


class Weighing:
    """The logistic map from scores to a probability; the scores' scale does not matter."""

    def __init__(self, true: Floats, false: Floats) -> None:
        features = np.concatenate([true, false])
        labels = np.repeat([1, 0], [len(true), len(false)])
        self._map = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, labels)

    def __call__(self, features: Floats) -> Floats:
        """(triples,): probabilities of scores (triples, scorers)."""
        if not len(features):
            return np.zeros(0)
        found: Floats = self._map.predict_proba(features)[:, 1]
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """Plausibilities, and the map that gave them for triples that the graph does not have."""

    plausibility: Plausibility
    weigh: Weighing


def judge(
    graph: IndexedGraph, fit: Fit, types: TripleScorer, *, n_folds: int = 3, seed: int = 0
) -> Judged:
    """Judge every triple of a graph by scorers that `fit` makes, `n_folds` times.

    `types` are counted on the whole graph, for statements that are in no fold: their own part in the
    counts is small. The caller sees to it that the graph is large enough (`completion.check_size`).
    """
    parts, false = folds(graph.triples, n_folds, seed), _false(graph, seed)
    everything = np.arange(len(graph.triples))
    features, against = [], []
    for part in parts:
        scorers = fit(graph, np.setdiff1d(everything, part))
        features.append(_features(scorers, graph.triples[part]))
        against.append(_features(scorers, false[part]))
    scores = np.zeros(len(graph.triples))
    judged = np.zeros(len(graph.triples), np.int64)
    of_false = []
    for at, part in enumerate(parts):
        others = [i for i in range(n_folds) if i != at]
        weigh = Weighing(*(np.concatenate([f[i] for i in others]) for f in (features, against)))
        scores[part], judged[part] = weigh(features[at]), 1
        of_false.append(weigh(against[at]))
    alone = np.flatnonzero(judged == 0)
    true, untrue = np.concatenate(features), np.concatenate(against)
    by_types = Weighing(true[:, :1], untrue[:, :1])
    scores[alone] = by_types(_features([types], graph.triples[alone]))
    told = scores[judged == 1], np.concatenate(of_false)
    found = Plausibility(scores, judged, _auc(*told), _calibration_error(*told))
    return Judged(found, Weighing(true, untrue))


def _features(scorers: Sequence[TripleScorer], triples: Ints) -> Floats:
    """(triples, scorers)"""
    return np.stack([score(triples) for score in scorers], axis=1)


def _false(graph: IndexedGraph, seed: int) -> Ints:
    """(triples, 3): each triple with its subject or object replaced by chance, none of them known."""
    random = np.random.default_rng(seed)
    triples, known = graph.triples.copy(), graph.keys(graph.triples)
    left = np.arange(len(triples))
    for _ in range(20):  # some replacements hit a triple of the graph, which gets another chance
        end = random.choice([0, 2], len(left))
        triples[left] = graph.triples[left]
        triples[left, end] = random.integers(graph.n_nodes, size=len(left))
        left = left[np.isin(graph.keys(triples[left]), known)]
        if not len(left):
            break
    return triples


def _auc(true: Floats, false: Floats) -> float:
    from sklearn.metrics import roc_auc_score

    return float(
        roc_auc_score(np.repeat([1, 0], [len(true), len(false)]), np.concatenate([true, false]))
    )


def _calibration_error(true: Floats, false: Floats) -> float:
    scores = np.concatenate([true, false])
    labels = np.repeat([1.0, 0.0], [len(true), len(false)])
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [
        abs(scores[bins == b].mean() - labels[bins == b].mean()) * (bins == b).sum()
        for b in np.unique(bins)
    ]
    return float(sum(gaps) / len(scores))
