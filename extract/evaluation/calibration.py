"""How far scores are from the share of predictions that are right."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from extract.errors import one_of
from extract.evaluation.entities import entity_key
from extract.evaluation.relations import triple_key
from extract.evaluation.score import check_pairs
from extract.structures import Sentence

Kind: TypeAlias = Literal["entity", "triple", "qualifier"]

CALIBRATION_RULES: dict[Kind, str] = {
    "entity": "right: span and type",
    "triple": "right: subject span, relation and object span",
    "qualifier": "right: subject span, relation, object span, qualifier label and value span",
}


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose probability lies in (lower, upper]; the first bin also holds 0.

    `mean_probability` and `accuracy` lie in [0, 1] and are None for a bin without predictions.
    """

    lower: float
    upper: float
    n: int
    mean_probability: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """Expected calibration error of one kind of item; `error` is None without predictions."""

    kind: Kind
    n: int
    error: float | None
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """The reliability as plain values; bins without predictions are left out."""
        filled = [asdict(b) for b in self.bins if b.n]
        return {
            "rule": CALIBRATION_RULES[self.kind],
            "n": self.n,
            "error": self.error,
            "error_by_chance": self.error_by_chance,
            "n_bins": len(self.bins),
            "bins": filled,
        }

    @property
    def error_by_chance(self) -> float | None:
        """The error to expect of so many predictions whose probabilities are true; None without predictions.

        Few predictions a bin are never right in just the share that was foretold: an error no larger than
        this says nothing against the probabilities. Exact, with a bin's mean for all probabilities in it:
        the mean deviation of a binomial count is 2 v (1 - p) P(count = v), v the whole number above n p
        (Diaconis and Zabell 1991, Closed Form Summation for Classical Distributions).
        """
        filled = [(b.n, b.mean_probability) for b in self.bins if b.mean_probability is not None]
        if not filled:
            return None
        size, chance = (np.array(column, float) for column in zip(*filled, strict=True))
        above = np.floor(size * chance) + 1
        deviation = 2 * above * (1 - chance) * binom.pmf(above, size, chance)
        return float(deviation.sum() / size.sum())


def reliability_bins(
    probabilities: ArrayLike, correct: ArrayLike, n_bins: int = 15
) -> tuple[Bin, ...]:
    """Predictions sorted into `n_bins` intervals of equal width, ((m - 1) / M, m / M].

    `probabilities` are in [0, 1] and `correct` is true or false, both of shape (predictions,).
    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2; differs from the
    paper: a probability of 0 belongs to the first bin, where the paper's bins leave it out.

    Raises `ValueError` for unequal lengths, probabilities outside [0, 1] and `n_bins` below 1.
    """
    probability, right = _checked(probabilities, correct, n_bins)
    inner_edges = np.arange(1, n_bins) / n_bins
    # The number of edges below a probability is its bin; on an edge it belongs to the lower bin.
    index = np.searchsorted(inner_edges, probability, side="left")  # (predictions,)
    bins = []
    for number in range(n_bins):
        here = index == number
        n = int(here.sum())
        bins.append(
            Bin(
                lower=number / n_bins,
                upper=(number + 1) / n_bins,
                n=n,
                mean_probability=float(probability[here].mean()) if n else None,
                accuracy=float(right[here].mean()) if n else None,
            )
        )
    return tuple(bins)


def expected_calibration_error(
    probabilities: ArrayLike, correct: ArrayLike, n_bins: int = 15
) -> float:
    """Mean distance in [0, 1] of accuracy from mean probability over bins, weighted by their size.

    ECE = sum over bins of |B| / n * |accuracy(B) - mean probability(B)|, Guo et al.
    2017, "On Calibration of Modern Neural Networks". Arguments as in `reliability_bins`.

    Raises `ValueError` as `reliability_bins` does, and without predictions.
    """
    bins = reliability_bins(probabilities, correct, n_bins)
    error = _error(bins)
    if error is None:
        raise ValueError(
            "Got 0 probabilities, expected at least 1: the calibration error of no predictions is "
            "undefined."
        )
    return error


def outcomes(
    gold: Sequence[Sentence], pred: Sequence[Sentence], kind: Kind
) -> tuple[list[float], list[bool]]:
    """The score of every predicted item and whether it is right by `CALIBRATION_RULES[kind]`.

    An item predicted more than once in a sentence counts once, with its highest score.

    Raises `ValueError` for an unknown kind and for sentences that do not pair up.
    """
    if kind not in CALIBRATION_RULES:
        raise ValueError(one_of("kind of item", kind, list(CALIBRATION_RULES)))
    check_pairs(gold, pred)
    probabilities: list[float] = []
    correct: list[bool] = []
    for g, p in zip(gold, pred, strict=True):
        gold_keys = {key for key, _ in _scored(g, kind)}
        best: dict[Hashable, float] = {}
        for key, score in _scored(p, kind):
            best[key] = max(score, best.get(key, 0.0))
        probabilities.extend(best.values())
        correct.extend(key in gold_keys for key in best)
    return probabilities, correct


def reliability(
    gold: Sequence[Sentence], pred: Sequence[Sentence], kind: Kind, n_bins: int = 15
) -> Reliability:
    """How well the scores of one kind of predicted item are calibrated; errors as `outcomes`."""
    probabilities, correct = outcomes(gold, pred, kind)
    bins = reliability_bins(probabilities, correct, n_bins)
    return Reliability(kind, len(probabilities), _error(bins), bins)


def _scored(sentence: Sentence, kind: Kind) -> Iterable[tuple[Hashable, float]]:
    if kind == "entity":
        return ((entity_key(entity), entity.score) for entity in sentence.entities)
    if kind == "triple":
        return ((triple_key(triple, "boundary"), triple.score) for triple in sentence.triples)
    return (
        ((*triple_key(triple, "boundary"), q.label, q.value.span), q.score)
        for triple in sentence.triples
        for q in triple.qualifiers
    )


def _error(bins: Sequence[Bin]) -> float | None:
    n = sum(b.n for b in bins)
    if n == 0:
        return None
    return sum(
        b.n / n * abs(b.accuracy - b.mean_probability)
        for b in bins
        if b.accuracy is not None and b.mean_probability is not None
    )


def _checked(
    probabilities: ArrayLike, correct: ArrayLike, n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    probability = np.asarray(probabilities, dtype=np.float64)
    right = np.asarray(correct, dtype=np.bool_)
    if n_bins < 1:
        raise ValueError(f"Expected n_bins of at least 1, got {n_bins}.")
    if probability.ndim != 1 or probability.shape != right.shape:
        raise ValueError(
            f"Got probabilities of shape {probability.shape} and outcomes of shape {right.shape}. "
            "Expected two flat sequences of the same length."
        )
    outside = probability[~((probability >= 0) & (probability <= 1))]  # also finds NaN
    if outside.size:
        raise ValueError(
            f"Expected probabilities in [0, 1], got {outside[0]} and {outside.size - 1} more "
            "outside. Turn log-odds into probabilities first."
        )
    return probability, right
