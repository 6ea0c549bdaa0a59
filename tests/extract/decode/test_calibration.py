"""Logistic maps: their fit, their use, and log-odds both ways."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.decode.calibration import (
    NO_QUALIFIER,
    Calibration,
    fit_logistic,
    log_odds,
    probability,
    triple_features,
    weaker_ends,
    weakest_parts,
)
from extract.decode.candidates import Candidates
from tests.extract.decode.cases import candidates_of

FOUND = candidates_of(
    [(0, 1, (2, -1, 0)), (1, 2, (-3, 1, 0)), (2, 3, (-1, -2, -4))],
    [(0, 0, 1, 4.0), (1, 0, 2, 3.0), (0, 1, 1, 0.5)],
    [(0, 0, 2, 5.0), (2, 0, 1, 6.0)],
)


def synthetic(weights: list[float], n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(0, 2, (n, len(weights) - 1))
    odds = features @ np.array(weights[:-1]) + weights[-1]
    return features, rng.random(n) < 1 / (1 + np.exp(-odds))


@pytest.mark.parametrize("weights", [[0.6, -1.0], [2.0, 0.5], [0.8, 0.5, -0.7]])
def test_fit_recovers_known_slopes_and_intercept(weights: list[float]) -> None:
    fitted, shifts = fit_logistic(*synthetic(weights))
    assert fitted == pytest.approx(weights, abs=0.1)
    assert shifts == ()


def test_fit_drops_a_second_slope_that_would_be_negative() -> None:
    features, correct = synthetic([1.0, -0.5, 0.0])
    (slope, other, _), _ = fit_logistic(features, correct)
    assert other == 0.0
    assert slope > 0


def test_fit_drops_only_the_slopes_that_would_be_negative() -> None:
    features, correct = synthetic([1.0, -0.5, 0.8, 0.0])
    (first, second, third, _), _ = fit_logistic(features, correct)
    assert (first, second, third) == pytest.approx((1.0, 0.0, 0.8), abs=0.25)
    assert second == 0.0


def test_fit_of_separable_scores_stays_finite() -> None:
    features = np.linspace(-4, 4, 100)[:, None]
    (slope, intercept), _ = fit_logistic(features, features[:, 0] > 0)
    assert math.isfinite(slope)
    assert math.isfinite(intercept)
    assert slope > 1


@pytest.mark.parametrize("n_correct", [0, 9, 91, 100])
def test_fit_of_too_few_of_a_class_leaves_scores_alone(n_correct: int) -> None:
    features = np.random.default_rng(0).normal(size=(100, 2))
    assert fit_logistic(features, np.arange(100) < n_correct) == ((1.0, 0.0, 0.0), ())


def test_groups_get_shifts_of_their_own_shrunk_towards_zero() -> None:
    features, correct = synthetic([1.0, 0.0])
    groups = np.arange(len(correct)) % 3
    rng = np.random.default_rng(1)
    correct = np.where(groups == 2, rng.random(len(correct)) < 0.02, correct)
    (slope, _), shifts = fit_logistic(features, correct, groups, 4)
    assert slope > 0.5
    assert shifts[2] < -1 < 0 < shifts[0]
    assert shifts[0] == pytest.approx(shifts[1], abs=0.15)
    assert shifts[3] == pytest.approx(0.0, abs=1e-6)  # never seen


def test_weaker_ends_and_weakest_parts_by_hand() -> None:
    assert weaker_ends(FOUND).tolist() == [1.0, -1.0, 1.0]
    assert weakest_parts(FOUND).tolist() == [-1.0, 0.5]


def test_triple_features_by_hand() -> None:
    assert triple_features(FOUND).tolist() == [
        [4.0, 1.0, 5.0],
        [3.0, -1.0, NO_QUALIFIER],
        [0.5, 1.0, 6.0],
    ]


def test_apply_by_hand_and_default_changes_nothing() -> None:
    same = Calibration().apply(FOUND)
    assert same.entity_scores.tolist() == FOUND.entity_scores.tolist()
    assert same.triple_scores.tolist() == FOUND.triple_scores.tolist()
    assert same.qualifier_scores.tolist() == FOUND.qualifier_scores.tolist()
    shifted = Calibration(relations=(0.5, 0.5)).apply(FOUND)
    assert shifted.triple_scores.tolist() == (FOUND.triple_scores + 0.5).tolist()
    calibration = Calibration(entity=(2, 1), triple=(0.5, 2, 0.25, -1), qualifier=(1, 0.5, 0.25))
    changed = calibration.apply(FOUND)
    assert changed.entity_scores[0].tolist() == [5, -1, 1]
    assert changed.triple_scores.tolist() == [4.25, -2.5, 2.75]
    assert changed.qualifier_scores.tolist() == [4.75, 6.5]
    assert changed.triples is FOUND.triples
    assert changed.entity_scores.dtype == changed.triple_scores.dtype == np.float32


def test_apply_to_no_candidates() -> None:
    empty = Calibration(triple=(1, 1, 1, 1), qualifier=(1, 1, 1)).apply(Candidates.empty(3))
    assert len(empty.triple_scores) == len(empty.qualifier_scores) == 0


@given(st.floats(1e-6, 1 - 1e-6))
def test_probability_is_the_inverse_of_log_odds(p: float) -> None:
    assert probability(log_odds(p)) == pytest.approx(p, rel=1e-6)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_probability_is_in_range_and_monotone(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0 <= probability(low) <= probability(high) <= 1


def test_log_odds_of_certainty_are_finite() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(0) == pytest.approx(-20.7, abs=0.1)
    assert log_odds(1) == pytest.approx(20.7, abs=0.1)


@pytest.mark.parametrize("weights", [[-1.0, 0.0], [-1.0, -0.5, 0.0], [-1.0, -0.5, -0.8, 0.3]])
def test_scores_that_point_the_wrong_way_stay_as_they_are(weights: list[float]) -> None:
    features, correct = synthetic(weights)
    assert fit_logistic(features, correct) == ((1.0, *[0.0] * (len(weights) - 1)), ())
