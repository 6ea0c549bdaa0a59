"""Losses over the cells of tables and cubes."""

from __future__ import annotations

import torch
from torch import Tensor

_NEVER = -1e4  # below any score, and exp() of it is 0 without making gradients NaN


def zlpr(scores: Tensor, gold: Tensor, counted: Tensor | None = None) -> Tensor:
    """The loss of each cell over all its labels at once.

    log(1 + sum_{n not gold} exp(s_n)) + log(1 + sum_{p gold} exp(-s_p)); a label is predicted
    where its score is above 0.

    Su et al. 2022, ZLPR: A Novel Loss for Multi-label Classification.
    Differs from the paper: labels that are not annotated are left out of both sums.

    Args:
        scores: (..., labels).
        gold: (..., labels), bool.
        counted: bool, broadcastable to `scores`; False leaves a label out.

    Returns: (...).
    """
    scores = scores.float()
    negative = scores.masked_fill(gold, _NEVER)
    positive = (-scores).masked_fill(~gold, _NEVER)
    if counted is not None:
        negative = negative.masked_fill(~counted, _NEVER)
        positive = positive.masked_fill(~counted, _NEVER)
    zero = torch.zeros_like(scores[..., :1])
    return torch.cat([negative, zero], -1).logsumexp(-1) + torch.cat([positive, zero], -1).logsumexp(-1)
