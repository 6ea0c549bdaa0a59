"""Weights to 8-bit numbers so that a product's results, not each weight, are kept as well as can be.

Frantar, Ashkboos, Hoefler, Alistarh 2023, GPTQ: Accurate Post-Training Quantization for Generative
Pre-trained Transformers. One input channel's weights are rounded after another; those not yet rounded then
move so as to make up for the error: w -= (w_q - rounded w_q) [H^-1]_q / [H^-1]_qq, with the inputs' Gram
matrix H. Differs from the paper: channels go by falling size, as its published code can.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_DAMPING = 0.01  # of H's mean diagonal, as in the paper; tenfold gave the same
_BLOCK = 64  # channels whose errors are handed on together
LARGEST = 127
LARGEST_IN_16_BITS = 64  # 2 products with 255 are below 2^15


def rounded(
    weights: npt.NDArray[np.float32], gram: npt.NDArray[np.float32], largest: int = LARGEST
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Whole numbers (channels, width) and a step for each output (width,): near the weights once multiplied.

    Args:
        weights: (channels, width).
        gram: the sum over samples of products of the inputs' channels, (channels, channels).
        largest: absolute value of the numbers.
    """
    steps = np.abs(weights).max(axis=0) / largest
    steps[steps == 0] = 1.0
    order = np.argsort(-np.diag(gram), kind="stable")  # the channels that matter most come first
    upper = _inverse_factor(gram[np.ix_(order, order)])
    left = weights[order].astype(np.float64)
    numbers = np.zeros(weights.shape, np.int8)
    for start in range(0, len(left), _BLOCK):
        end = min(start + _BLOCK, len(left))
        errors = np.zeros((end - start, left.shape[1]))
        for at in range(start, end):
            found = np.clip(np.round(left[at] / steps), -largest, largest)
            numbers[order[at]] = found
            errors[at - start] = (left[at] - found * steps) / upper[at, at]
            left[at:end] -= np.outer(upper[at, at:end], errors[at - start])
        left[end:] -= upper[start:end, end:].T @ errors
    return numbers, steps.astype(np.float32)


def _inverse_factor(gram: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The upper triangle U with U^T U = (H + damping)^-1, whose rows are what the rounding needs."""
    damped = gram.astype(np.float64)
    # A channel that is zero on all samples needs some weight, or there is no inverse.
    damped[np.diag_indices_from(damped)] += _DAMPING * max(float(np.diag(damped).mean()), 1e-12)
    factor: npt.NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(damped)).T
    return factor
