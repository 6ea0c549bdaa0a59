"""Layers left out at random in training, deeper ones more often, so that exits before them are good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def dropout_rates(most: float, n_layers: int) -> list[float]:
    """How often each of at least 2 layers is left out: p_l = p_max (e^{l ln 2 / (L - 1)} - 1), l from 0.

    0 for the first layer, p_max for the last.
    Elhoushi et al. 2024, LayerSkip: Enabling Early Exit Inference and Self-Speculative Decoding.
    Differs from the paper: the rate is the same at every step, as there where a trained model is trained on.
    """
    return [most * math.expm1(i * math.log(2) / (n_layers - 1)) for i in range(n_layers)]


def drop_layers(blocks: Sequence[nn.Module], rates: Sequence[float]) -> None:
    """Let layers be left out, for each text of a batch by itself, while they are in training mode.

    What a text's pieces were before a layer that is left out, they are after it. That is the paper's
    x + M f(x) with M drawn from 0 and 1, f being what the layer adds.

    Args:
        blocks: layers that take and give (batch, pieces, hidden) first.
        rates: of each, from 0 up to but not including 1.
    """
    for block, rate in zip(blocks, rates, strict=True):
        if rate:
            # First of the hooks, so that those that record states see what the next layer reads.
            block.register_forward_hook(_Skip(rate), prepend=True)


class _Skip:
    """A hook, and not a closure, so that a model that has it can be copied."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, block: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        if not block.training:
            return output
        states: Tensor = output[0] if isinstance(output, tuple) else output
        left_out = torch.rand(len(states), 1, 1, device=states.device) < self.rate
        kept = torch.where(left_out, inputs[0].to(states.dtype), states)
        return (kept, *output[1:]) if isinstance(output, tuple) else kept
