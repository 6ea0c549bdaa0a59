"""Losses over the cells of tables and cubes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

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
    left_out = gold if counted is None else gold | ~counted
    loss = softplus(scores.masked_fill(left_out, _NEVER).logsumexp(dim=-1))
    # Cells with gold labels are few: the second sum is over these alone.
    cells = gold.any(dim=-1).nonzero(as_tuple=True)
    missing = ~gold[cells] if counted is None else ~(gold & counted)[cells]
    positive = softplus((-scores[cells]).masked_fill(missing, _NEVER).logsumexp(dim=-1))
    return loss.index_put(cells, positive, accumulate=True)


def any_label(scores: Tensor, counted: Tensor | None = None) -> Tensor:
    """The log-odds that a cell has any label at all: those of its labels' odds, summed.

    Args:
        scores: (..., labels).
        counted: bool, broadcastable to `scores`; False leaves a label out. Without any, the log-odds are
            so low that a loss takes them for certain.

    Returns: (...).
    """
    scores = scores.float()
    if counted is not None:
        scores = scores.masked_fill(~counted, _NEVER)
    return scores.logsumexp(dim=-1)


def any_label_loss(log_odds: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Binary cross-entropy, summed over the cells that are known to have a label or to have none.

    Args:
        log_odds: (...), as `any_label` gives them.
        positive, negative: (...), bool; a cell may be neither.

    Returns: a scalar.
    """
    return (softplus(-log_odds) * positive + softplus(log_odds) * negative).sum()


def counted_labels(
    annotated: Sequence[frozenset[int]], n_labels: int, device: torch.device
) -> Tensor:
    """(batch, labels): which labels each window's corpus annotates."""
    counted = torch.zeros(len(annotated), n_labels, dtype=torch.bool)
    for row, labels in enumerate(annotated):
        counted[row, sorted(labels)] = True
    return counted.to(device)
