"""From raw scores to log-odds that mean what they say.

Each kind of candidate has a logistic map fitted on a development set: the slope is an inverse
temperature, the intercept moves the raw threshold. A triple is right only if its ends are, so
their scores enter its map; a qualifier's map sees its triple.

Guo et al. 2017, On Calibration of Modern Neural Networks (temperature scaling); Platt 1999,
Probabilistic Outputs for Support Vector Machines (slope and intercept).
Differs from the papers: scores of the ends and of the best qualifier as further inputs, and a shift
for each relation, shrunk towards zero, since relations differ in how completely their corpora annotate them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from extract.decode.candidates import Candidates, Floats, Ints

_RIDGE, _GROUP_RIDGE = 1e-2, 3.0
NO_QUALIFIER = -4.0  # the log-odds of a triple's best qualifier where there is none
Array = npt.NDArray[np.float64]


class Calibration(BaseModel):
    """Slopes and intercepts; the defaults leave scores as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    entity: tuple[float, float] = Field((1.0, 0.0), description="slope, intercept")
    triple: tuple[float, float, float, float] = Field(
        (1.0, 0.0, 0.0, 0.0),
        description="slope of the triple's score, its weaker end's, its best qualifier's; intercept",
    )
    relations: tuple[float, ...] = Field(
        (), description="shift of each relation of the schema; empty: none"
    )
    qualifier: tuple[float, float, float] = Field(
        (1.0, 0.0, 0.0),
        description="slope of the qualifier's score, of its weakest part's, intercept",
    )

    def apply(self, candidates: Candidates) -> Candidates:
        """The same candidates with calibrated log-odds."""
        slope, shift = self.entity
        triples = triple_features(candidates) @ np.array(self.triple[:-1]) + self.triple[-1]
        if self.relations:
            triples = triples + np.array(self.relations)[candidates.triples[:, 1]]
        qualifiers = self.qualifier[0] * candidates.qualifier_scores
        qualifiers = qualifiers + self.qualifier[1] * weakest_parts(candidates)
        return Candidates(
            candidates.spans,
            (slope * candidates.entity_scores + shift).astype(np.float32),
            candidates.triples,
            triples.astype(np.float32),
            candidates.qualifiers,
            (qualifiers + self.qualifier[2]).astype(np.float32),
        )


def triple_features(candidates: Candidates) -> Floats:
    """(triples, 3): the triple's score, that of its weaker end, and that of its best qualifier.

    The last is bounded below, since qualifiers under the head's floor are no candidates, and
    one that is missing is no more than improbable.
    """
    best = np.full(len(candidates.triples), NO_QUALIFIER, np.float32)
    np.maximum.at(best, candidates.qualifiers[:, 0], candidates.qualifier_scores)
    return np.stack([candidates.triple_scores, weaker_ends(candidates), best], axis=1)


def weaker_ends(candidates: Candidates) -> Floats:
    """(triples,): the lower of the two ends' best entity scores."""
    best = candidates.entity_scores.max(axis=1, initial=-np.inf)
    return np.minimum(best[candidates.triples[:, 0]], best[candidates.triples[:, 2]])


def weakest_parts(candidates: Candidates) -> Floats:
    """(qualifiers,): the lowest score among the qualifier's triple, its ends and the value."""
    best = candidates.entity_scores.max(axis=1, initial=-np.inf)
    triples = np.minimum(candidates.triple_scores, weaker_ends(candidates))
    return np.minimum(triples[candidates.qualifiers[:, 0]], best[candidates.qualifiers[:, 2]])


def fit_logistic(
    features: Array, correct: npt.NDArray[np.bool_], groups: Ints | None = None, n_groups: int = 0
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Slopes and intercept, and a shift a group, that maximise the likelihood of `correct`.

    Args:
        features: (items, features).
        correct: (items,).
        groups: (items,), the group of each item; None: no groups.
        n_groups: how many groups there are.

    A small ridge keeps separable data finite; a stronger one shrinks the groups' shifts. With fewer
    than ten items of either class the first slope is 1 and the rest 0: there is nothing to fit. Slopes
    do not turn negative: a feature whose slope would is left out, and if none is left, scores stay as they
    are. Solved by Newton's method.
    """
    n_items, n_features = features.shape
    as_it_is = (1.0, *[0.0] * n_features), ()
    if min(correct.sum(), n_items - correct.sum()) < 10:
        return as_it_is
    others = np.ones((n_items, 1))
    ridge = [0.0]
    if groups is not None:
        others = np.concatenate([others, np.eye(n_groups)[groups]], axis=1)
        ridge += [_GROUP_RIDGE] * n_groups
    kept = list(range(n_features))
    while True:
        inputs = np.concatenate([features[:, kept], others], axis=1)
        weights = _newton(inputs, correct, np.array([_RIDGE] * len(kept) + ridge))
        found = weights[: len(kept)]
        if (found >= 0).all():
            break
        if len(kept) == 1:
            return as_it_is
        kept.pop(int(found.argmin()))
    slopes = np.zeros(n_features)
    slopes[kept] = found
    rest: list[float] = weights[len(kept) :].tolist()
    return (*slopes.tolist(), rest[0]), tuple(rest[1:])


def _newton(inputs: Array, correct: npt.NDArray[np.bool_], ridge: Array) -> Array:
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (chance - correct) + ridge * weights
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + np.diag(ridge + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def probability(log_odds: float) -> float:
    """The probability of log-odds, without overflow."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return math.exp(log_odds) / (1 + math.exp(log_odds))


def log_odds(probability: float) -> float:
    """The log-odds of a probability; 0 and 1 give the finite ends that scores stay within."""
    clipped = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(clipped / (1 - clipped))
