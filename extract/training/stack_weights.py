"""Fits the weights of a stack of models to gold annotation; how they are used: `decode.stacking`.

A logistic regression a kind of fact, from the models' log-odds to whether the fact is in the gold
annotation. A model that does not propose a fact counts as `ABSENT`, plus a term that is learnt, so that
little data says "as unlikely as can be proposed" and more data says what its silence means.

With weights a relation, each relation's are those of all relations plus a deviation under a penalty of its
own. A relation with few examples so stays near what all relations share (as in Daumé 2007, Frustratingly
Easy Domain Adaptation, where features are doubled for each domain in the same way).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from extract.decode.candidates import Candidates, Ints
from extract.decode.stacking import SURE, LinearWeights, StackWeights, align
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.calibrate import decided_relations, gold_keys
from extract.training.corpora import CorpusData

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ABSENT = -4.0  # the floor under which heads by default propose nothing
_RIDGE = 1.0  # on slopes and on what absence adds: as if from a few examples
_RELATION_RIDGE = 10.0  # on a relation's deviation from the others
_FEWEST = 10  # facts of either kind, right and wrong, below which there is nothing to fit


@dataclass(frozen=True, slots=True)
class Judged:
    """Facts that gold annotation confirms or denies.

    scores: (facts, models), log-odds, NaN where a model does not propose the fact.
    right: (facts,), whether it is in the annotation.
    labels: (facts,), index of its entity type, relation or qualifier.
    """

    scores: Array
    right: Flags
    labels: Ints

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        """The facts of all parts, of which there must be one at least."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.right for part in parts]),
            np.concatenate([part.labels for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Examples:
    """What one sentence teaches a stack."""

    entities: Judged
    triples: Judged
    qualifiers: Judged


def examples_of(
    found: Sequence[Candidates], sentence: Sentence, corpus: CorpusData, schema: Schema
) -> Examples:
    """One sentence's candidates, one set a model, judged by its annotation.

    Entities: span and type right. Triples: both spans and the relation right. Qualifiers: triple,
    label and value span right. What the sentence's corpus does not annotate is left out, and so are
    facts that no model finds likelier than `ABSENT`, whose mass would bend the weights.
    """
    facts = align(found)
    spans = [tuple(span) for span in facts.spans.tolist()]
    gold_types = {(e.span.start_word, e.span.end_word): e.label for e in sentence.entities}
    n_types = len(schema.entity_types)
    typed = [
        [gold_types.get(span) == name for name in schema.entity_names]
        for span in (spans if corpus.typed else ())
    ]
    entity_scores = facts.entity_scores[:, : len(typed)].reshape(len(found), -1)
    gold_triples, gold_qualifiers = gold_keys(sentence)
    names = schema.relation_names
    keys = [(spans[s], names[r], spans[o]) for s, r, o in facts.triples.tolist()]
    relations = decided_relations(sentence, corpus)
    known = np.array([key[1] in relations for key in keys], bool)
    of, labels, values = facts.qualifiers.T
    qualifiers = [
        (*keys[t], schema.qualifier_names[q], spans[v])
        for t, q, v in zip(of.tolist(), labels.tolist(), values.tolist(), strict=True)
    ]
    judged = known[of] & bool(corpus.schema.qualifiers)
    return Examples(
        _judged(
            entity_scores, np.array(typed, bool).ravel(), np.tile(np.arange(n_types), len(typed))
        ),
        _judged(
            facts.triple_scores[:, known],
            np.array([key in gold_triples for key in keys], bool)[known],
            facts.triples[known, 1],
        ),
        _judged(
            facts.qualifier_scores[:, judged],
            np.array([key in gold_qualifiers for key in qualifiers], bool)[judged],
            labels[judged],
        ),
    )


def _judged(scores: npt.NDArray[np.float32], right: Flags, labels: Ints) -> Judged:
    """scores: (models, facts)."""
    best = np.fmax.reduce(scores, axis=0)  # of those that propose it
    kept = best > ABSENT
    return Judged(scores[:, kept].T.astype(np.float64), right[kept], labels[kept])


def fit_weights(
    examples: Sequence[Examples], n_relations: int, *, by_relation: bool
) -> StackWeights:
    """Weights from the sentences' examples, of which there must be one at least.

    Args:
        n_relations: relations of the schema.
        by_relation: fit weights of each relation beside those that all share.
    """
    triples = Judged.joined([one.triples for one in examples])
    triple, relations = (
        fit_by_label(triples, n_relations) if by_relation else (fit_linear(triples), ())
    )
    return StackWeights(
        entity=fit_linear(Judged.joined([one.entities for one in examples])),
        triple=triple,
        qualifier=fit_linear(Judged.joined([one.qualifiers for one in examples])),
        relations=relations,
    )


def fit_linear(facts: Judged) -> LinearWeights:
    """The weights under which the facts' annotation is likeliest, less a penalty.

    A model that proposes none of the facts has no weight. Slopes do not turn negative: a model whose
    slope would is left out, until one is left. With fewer than ten right or ten wrong facts, and where
    even one model's slope is negative, the weights are those of the mean.
    """
    return _fit(facts)[0]


def _fit(facts: Judged) -> tuple[LinearWeights, list[int]]:
    """The weights, and the models that have some; no models: there was nothing to fit."""
    proposing = np.flatnonzero(~np.isnan(facts.scores).all(axis=0)).tolist()
    kept = list(proposing)
    while kept and _enough(facts):
        weights, intercept = _logistic(_features(facts.scores[:, kept]), facts.right)
        slopes, flags = weights[: len(kept)], weights[len(kept) :]
        if (slopes >= 0).all():
            return _linear(facts, kept, slopes, flags, intercept), kept
        kept.pop(int(slopes.argmin()))
    every = proposing or list(range(facts.scores.shape[1]))
    share = np.full(len(every), 1 / len(every))
    return _linear(facts, every, share, np.zeros(len(every)), 0.0), []


def fit_by_label(facts: Judged, n_labels: int) -> tuple[LinearWeights, tuple[LinearWeights, ...]]:
    """The weights that all labels share, and those of each label; empty if there is nothing to fit.

    A label without facts has the shared weights. Models are left out as in `fit_linear`; a slope that
    turns negative for one label alone is 0 there.
    """
    from scipy.sparse import csr_matrix, hstack

    shared, kept = _fit(facts)
    if not kept:
        return shared, ()
    features = _features(facts.scores[:, kept])
    # Features scaled down have to be weighed up, against the one penalty that there is.
    scale = np.sqrt(_RIDGE / _RELATION_RIDGE)
    own = scale * np.concatenate([features, np.ones((len(features), 1))], axis=1)
    n_facts, width = own.shape
    columns = facts.labels[:, None] * width + np.arange(width)
    rows = np.arange(n_facts + 1) * width
    block = csr_matrix((own.ravel(), columns.ravel(), rows), shape=(n_facts, n_labels * width))
    weights, intercept = _logistic(hstack([csr_matrix(features), block]).tocsr(), facts.right)
    common, deviations = weights[: width - 1], weights[width - 1 :].reshape(n_labels, width) * scale
    n = len(kept)

    def weights_of(deviation: Array) -> LinearWeights:
        both = common + deviation[:-1]
        slopes = np.maximum(both[:n], 0.0)
        return _linear(facts, kept, slopes, both[n:], intercept + float(deviation[-1]))

    return weights_of(np.zeros(width)), tuple(weights_of(deviation) for deviation in deviations)


def _enough(facts: Judged) -> bool:
    n_right = int(facts.right.sum())
    return min(n_right, len(facts.right) - n_right) >= _FEWEST


def _features(scores: Array) -> Array:
    """(facts, models) to (facts, 2 * models): scores, absent ones filled in, and which are absent."""
    absent = np.isnan(scores)
    filled = np.where(absent, ABSENT, np.clip(scores, -SURE, SURE))
    return np.concatenate([filled, absent], axis=1)


def _logistic(features: object, right: Flags) -> tuple[Array, float]:
    """Weights and intercept of a logistic regression under `_RIDGE`; the intercept is free."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1 / _RIDGE, tol=1e-8, max_iter=2000).fit(features, right)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _linear(
    facts: Judged, kept: list[int], slopes: Array, flags: Array, intercept: float
) -> LinearWeights:
    """Weights of all models, 0 for those that are not kept."""
    slope, absent = np.zeros((2, facts.scores.shape[1]))
    slope[kept] = slopes
    absent[kept] = slopes * ABSENT + flags
    return LinearWeights(
        slopes=tuple(slope.tolist()), absent=tuple(absent.tolist()), intercept=intercept
    )
