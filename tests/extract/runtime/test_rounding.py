"""Weights to 8-bit numbers: near the weights, and nearer in their results than rounding each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from extract.runtime.rounding import LARGEST, LARGEST_IN_16_BITS, rounded


def problem(n_rows: int, channels: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose channels depend on each other, as those of a network do, and weights."""
    draw = np.random.default_rng(0)
    mixing = draw.standard_normal((channels // 4, channels))
    rows = draw.standard_normal((n_rows, channels // 4)) @ mixing
    rows += 0.1 * draw.standard_normal(rows.shape)
    return rows.astype(np.float32), draw.standard_normal((channels, width)).astype(np.float32)


@pytest.mark.parametrize("channels", [20, 64, 150])  # below, at and above a block
def test_results_are_nearer_than_by_rounding_each_weight(channels: int) -> None:
    rows, weights = problem(800, channels, 7)
    rows, fresh = rows[:500], rows[500:]
    numbers, steps = rounded(weights, rows.T @ rows)
    assert numbers.dtype == np.int8 and numbers.shape == weights.shape and steps.shape == (7,)
    for some in (rows, fresh):
        exact = some @ weights
        plain = some @ (np.round(weights / steps) * steps)
        error = ((some @ (numbers * steps) - exact) ** 2).mean()
        assert error < 0.6 * ((plain - exact) ** 2).mean()


@pytest.mark.parametrize("largest", [LARGEST, LARGEST_IN_16_BITS])
def test_numbers_are_within_what_is_asked_for(largest: int) -> None:
    rows, weights = problem(300, 40, 9)
    numbers, _ = rounded(weights, rows.T @ rows, largest)
    assert np.abs(numbers.astype(int)).max() == largest
    assert 2 * 255 * LARGEST_IN_16_BITS < 2**15 < 2 * 255 * LARGEST


def test_weights_of_independent_channels_are_rounded_each_by_itself() -> None:
    _, weights = problem(8, 24, 5)
    numbers, steps = rounded(weights, np.diag(np.arange(1.0, 25.0)).astype(np.float32))
    assert np.array_equal(numbers, np.round(weights / steps))


def test_dead_channels_and_outputs_do_no_harm() -> None:
    rows, weights = problem(100, 16, 6)
    rows[:, 3] = 0
    weights[:, 2] = 0
    numbers, steps = rounded(weights, rows.T @ rows)
    assert np.isfinite(steps).all() and (numbers[:, 2] == 0).all()
    silent, _ = rounded(weights, np.zeros((16, 16), np.float32))
    assert np.array_equal(silent, np.round(weights / steps))
