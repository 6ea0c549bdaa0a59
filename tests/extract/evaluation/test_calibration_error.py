from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.evaluation.calibration import (
    Bin,
    Reliability,
    expected_calibration_error,
    outcomes,
    reliability,
    reliability_bins,
)
from extract.structures import Triple
from tests.extract.evaluation.build import Words


def test_calibration_error_hand_worked() -> None:
    # Bin (0.5, 1]: mean 0.75, accuracy 2/4, gap 0.25; bin [0, 0.5]: mean 0.2, accuracy 0, gap 0.2.
    probabilities = [0.9, 0.8, 0.7, 0.6, 0.2]
    correct = [True, True, False, False, False]
    error = expected_calibration_error(probabilities, correct, n_bins=2)
    assert error == pytest.approx(4 / 5 * 0.25 + 1 / 5 * 0.2)


def test_calibration_error_of_calibrated_scores_is_zero() -> None:
    correct = [True] * 3 + [False]
    assert expected_calibration_error([0.75] * 4, correct) == pytest.approx(0.0)
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0.0


def test_calibration_error_of_opposite_scores_is_one() -> None:
    assert expected_calibration_error([1.0, 0.0], [False, True]) == 1.0


def test_calibration_error_gaps_of_one_bin_cancel_and_of_two_bins_do_not() -> None:
    probabilities, correct = [0.4, 0.6], [True, False]
    assert expected_calibration_error(probabilities, correct, 1) == pytest.approx(0.0)
    assert expected_calibration_error(probabilities, correct, 2) == pytest.approx(0.6)


def test_reliability_bins_edges_belong_to_the_lower_bin() -> None:
    bins = reliability_bins([0.0, 0.25, 0.26, 0.5, 1.0], [1, 1, 0, 1, 0], n_bins=4)
    assert bins == (
        Bin(0.0, 0.25, 2, 0.125, 1.0),
        Bin(0.25, 0.5, 2, 0.38, 0.5),
        Bin(0.5, 0.75, 0, None, None),
        Bin(0.75, 1.0, 1, 1.0, 0.0),
    )


@pytest.mark.parametrize("n_bins", [1, 7, 15, 100])
def test_reliability_bins_every_edge_falls_into_the_bin_it_closes(n_bins: int) -> None:
    edges = [number / n_bins for number in range(1, n_bins + 1)]
    assert [b.n for b in reliability_bins(edges, [True] * n_bins, n_bins)] == [1] * n_bins


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 20),
)
def test_calibration_error_equals_a_plain_loop(
    pairs: list[tuple[float, bool]], n_bins: int
) -> None:
    expected = 0.0
    for number in range(n_bins):
        lower, upper = number / n_bins, (number + 1) / n_bins
        inside = [(p, c) for p, c in pairs if lower < p <= upper or (p == 0.0 and number == 0)]
        if inside:
            expected += abs(sum(c for _, c in inside) - sum(p for p, _ in inside)) / len(pairs)
    probabilities, correct = zip(*pairs, strict=True)
    error = expected_calibration_error(probabilities, correct, n_bins)
    assert error == pytest.approx(expected, abs=1e-9)
    assert 0.0 <= error <= 1.0


def test_calibration_error_accepts_arrays() -> None:
    error = expected_calibration_error(np.array([0.5, 0.5], dtype=np.float32), np.array([1, 0]))
    assert error == pytest.approx(0.0)


def test_calibration_error_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="Got 0 probabilities, expected at least 1"):
        expected_calibration_error([], [])
    with pytest.raises(ValueError, match=r"shape \(3,\) and outcomes of shape \(2,\)"):
        expected_calibration_error([0.1, 0.2, 0.3], [True, False])
    with pytest.raises(ValueError, match=r"got 1\.5 and 1 more"):
        expected_calibration_error([0.1, 1.5, -2.0], [True, False, True])
    with pytest.raises(ValueError, match="got nan and 0 more"):
        expected_calibration_error([float("nan")], [True])
    with pytest.raises(ValueError, match="at least 1, got 0"):
        expected_calibration_error([0.5], [True], n_bins=0)


#            0   1     2     3      4  5       6  7
MADE = Words("Ada Byron wrote notes in London in 1843")
ADA, NOTES, LONDON, YEAR = (0, 2, "PER"), (3, 4, "WORK"), (5, 6, "LOC"), (7, 8, "TIME")


def wrote(*qualifiers: tuple[str, tuple[int, int, str], float], score: float = 1.0) -> Triple:
    return MADE.triple(ADA, "wrote", NOTES, qualifiers, score)


GOLD = [MADE.sentence([MADE.entity(ADA)], [wrote(("time", YEAR, 1.0))])]
PRED = [
    MADE.sentence(
        [MADE.entity(ADA, 0.9), MADE.entity((0, 2, "ORG"), 0.3), MADE.entity(ADA, 0.8)],
        [
            wrote(("time", YEAR, 0.7), ("place", YEAR, 0.6), score=0.5),
            MADE.triple((0, 2, "ORG"), "wrote", NOTES, score=0.75),  # types do not matter
            MADE.triple(ADA, "born in", LONDON, score=0.25),
        ],
    )
]


def test_outcomes_hand_worked_keep_the_highest_score_of_repeated_items() -> None:
    assert outcomes(GOLD, PRED, "entity") == ([0.9, 0.3], [True, False])
    assert outcomes(GOLD, PRED, "triple") == ([0.75, 0.25], [True, False])
    assert outcomes(GOLD, PRED, "qualifier") == ([0.7, 0.6], [True, False])


def test_calibration_hand_worked_from_sentences() -> None:
    found = reliability(GOLD, PRED, "triple", n_bins=10)
    assert (found.n, len(found.bins)) == (2, 10)
    assert found.error == pytest.approx((0.25 + 0.25) / 2)
    plain = found.to_dict()
    assert plain["n_bins"] == 10
    assert [b["n"] for b in plain["bins"]] == [1, 1]


def test_calibration_without_predictions_has_no_error() -> None:
    found = reliability(GOLD, [MADE.sentence()], "qualifier")
    assert (found.n, found.error, len(found.bins)) == (0, None, 15)
    assert found.to_dict()["bins"] == []


def test_outcomes_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'relation'.*entity, qualifier, triple"):
        outcomes(GOLD, PRED, "relation")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 gold and 2 predicted"):
        outcomes(GOLD, PRED * 2, "entity")


def test_error_by_chance_is_the_mean_error_of_true_probabilities() -> None:
    draws = np.random.default_rng(3)
    chances = draws.random(60)
    bins = reliability_bins(chances, np.ones(60, bool), n_bins=5)
    found = Reliability("triple", 60, None, bins).error_by_chance
    # As many draws from each bin's mean probability.
    means = np.repeat([b.mean_probability for b in bins], [b.n for b in bins])
    errors = [
        expected_calibration_error(means, draws.random(60) < means, n_bins=5) for _ in range(4000)
    ]
    assert found == pytest.approx(np.mean(errors), rel=0.03)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_certain_predictions_have_no_error_by_chance(probability: float) -> None:
    bins = reliability_bins([probability] * 7, [True] * 7)
    assert Reliability("triple", 7, None, bins).error_by_chance == pytest.approx(0.0)
    assert Reliability("triple", 0, None, reliability_bins([], [])).error_by_chance is None
