"""Linear probes: how well a linear classifier reads a label from one layer's states.

Alain and Bengio 2017, Understanding intermediate layers using linear classifier probes; Tenney, Das
and Pavlick 2019, BERT Rediscovers the Classical NLP Pipeline (gold spans are given, labels are read
from them). Differs from the papers: one layer a probe instead of a mix of all layers below, so that
layers can be told apart; a span is the mean of its words; multinomial logistic regression on
standardised features with a fixed penalty, which has one optimum, so that no probe depends on a seed.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from extract.evaluation.score import Score, macro_f1

# scikit-learn's C. Of 1, 0.1, 0.01, 0.001 and 0.0001 it is the best or within a point of it for all three
# tasks at layers 1, 3 and 6 of MiniLM on CoNLL04's dev part.
INVERSE_PENALTY = 0.01
MOST_LABELS = 40  # the cost of a probe grows with its labels, and rare ones are not learnt anyway
_STEPS = 300
_RESAMPLES = 1000

Labels = npt.NDArray[np.str_]


@dataclass(frozen=True)
class ProbeScore:
    """How well a probe does on the part it was not trained on.

    micro: counts over labels other than the one that says "none of them".
    macro_f1: mean F1 over those labels that are in gold, in [0, 1].
    accuracy: share of all examples that are right, in [0, 1].
    standard_error: of the micro F1, over sentences drawn with replacement.
    resampled: (resamples,) micro F1 of each draw.
    converged: whether the fit ended before its greatest number of steps.
    """

    micro: Score
    macro_f1: float
    accuracy: float
    standard_error: float
    resampled: npt.NDArray[np.float64]
    converged: bool

    def to_dict(self) -> dict[str, Any]:
        """Ratios as fractions in [0, 1], counts, and whether the fit converged."""
        return {
            "micro_f1": self.micro.f1,
            "standard_error": self.standard_error,
            "macro_f1": self.macro_f1,
            "accuracy": self.accuracy,
            "micro": self.micro.to_dict(),
            "converged": self.converged,
        }


class Probe:
    """Multinomial logistic regression on standardised features: p(y | x) = softmax(W x + b)_y."""

    def __init__(self, inverse_penalty: float = INVERSE_PENALTY) -> None:
        # It takes a second to load: only those who probe wait for it.
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        self._scale = StandardScaler()
        self._model = LogisticRegression(C=inverse_penalty, max_iter=_STEPS)
        self.converged = True

    def fit(self, features: npt.NDArray[np.float32], labels: Labels) -> Probe:
        """Fit to features (examples, features) and labels (examples,), of which there are at least two."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            self._model.fit(self._scale.fit_transform(features), labels)
        self.converged = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
        return self

    def predict(self, features: npt.NDArray[np.float32]) -> Labels:
        """The likeliest label of each row of features (examples, features)."""
        found: Labels = self._model.predict(self._scale.transform(features))
        return found


def known_labels(labels: Labels, most: int = MOST_LABELS) -> list[str]:
    """The `most` most frequent labels, sorted; of equally frequent ones the first by name."""
    counts = Counter(labels.tolist())
    return sorted(sorted(counts, key=lambda label: (-counts[label], label))[:most])


def draws(n_sentences: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each sentence is in each of the resamples: (resamples, sentences).

    All probes share them, so that the difference of two is one of the same sentences. Koehn 2004,
    Statistical Significance Tests for Machine Translation Evaluation (paired bootstrap resampling).
    """
    make = np.random.default_rng(seed)
    return make.multinomial(n_sentences, np.full(n_sentences, 1 / n_sentences), size=_RESAMPLES)


def score(
    gold: Labels,
    predicted: Labels,
    sentences: npt.NDArray[np.int64],
    draws: npt.NDArray[np.int64],
    *,
    none: str | None,
    converged: bool = True,
) -> ProbeScore:
    """The score of predicted labels.

    Args:
        gold, predicted: (examples,), at least one.
        sentences: (examples,), the sentence of each example.
        draws: (resamples, sentences), see `draws`.
        none: the label that says that an example has none of the others; None if there is no such label.
    """
    is_gold, is_predicted = gold != none, predicted != none
    right = (gold == predicted) & is_gold
    counts = np.stack(  # (3, sentences)
        [
            np.bincount(sentences, weights=chosen, minlength=draws.shape[1])
            for chosen in (is_gold, is_predicted, right)
        ]
    )
    n_gold, n_predicted, n_right = counts @ draws.T  # each (resamples,)
    resampled = 2 * n_right / np.maximum(n_gold + n_predicted, 1)
    micro = Score(int(is_gold.sum()), int(is_predicted.sum()), int(right.sum()))
    return ProbeScore(
        micro,
        macro_f1(_by_label(gold, predicted, none)),
        float((gold == predicted).mean()),
        float(resampled.std()),
        resampled,
        converged,
    )


def _by_label(gold: Labels, predicted: Labels, none: str | None) -> dict[str, Score]:
    labels: Sequence[str] = np.union1d(gold, predicted).tolist()
    return {
        label: Score(
            int((gold == label).sum()),
            int((predicted == label).sum()),
            int(((gold == label) & (predicted == label)).sum()),
        )
        for label in labels
        if label != none
    }
