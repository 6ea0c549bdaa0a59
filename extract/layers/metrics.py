"""Measures of one layer's states, without labels: entropy, curvature, invariance, contribution.

Skean et al. 2025, Layer by Layer: Uncovering Hidden Representations in Language Models (entropy,
curvature, InfoNCE over layers). Men et al. 2024, ShortGPT: Layers in Large Language Models are More
Redundant Than You Expect (cosine between the states before and after a layer).
Differs from the papers: see each function.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

TEMPERATURE = 0.1


def matrix_entropy(rows: Tensor) -> Tensor:
    """The entropy in nats of the spectrum of rows: S = -sum_i p_i log p_i, p_i = lambda_i / sum_j lambda_j,
    lambda the eigenvalues of Z Z^T.

    0 where all rows are parallel, log(n) where n rows are orthogonal and of one length. It is the
    matrix entropy of order 1 (von Neumann). Differs from the paper: rows of zeros are padding, and
    change nothing.

    Args:
        rows: (..., rows, hidden).

    Returns: (...), from 0 to log(min(rows, hidden)); 0 if all rows are zeros.
    """
    rows = rows.double()  # small eigenvalues are lost in the error of large ones otherwise
    wide = rows.shape[-2] <= rows.shape[-1]
    # Both products have the same eigenvalues but for zeros: the smaller one is taken.
    gram = rows @ rows.mT if wide else rows.mT @ rows
    values = torch.linalg.eigvalsh(gram).clamp(min=0.0)
    share = values / values.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    return torch.special.entr(share).sum(dim=-1)


def curvature(rows: Tensor, mask: Tensor) -> Tensor:
    """The mean angle in radians between one step along a sequence and the next:
    C = 1/(n - 2) sum_k arccos(cos(v_k, v_k+1)), v_k = z_k+1 - z_k.

    0 on a straight line, pi / 2 where each turn is a right angle, pi where it goes back and forth.
    Differs from the paper: a step of length zero has no direction, so its turns are left out.

    Args:
        rows: (batch, rows, hidden).
        mask: (batch, rows), the rows that are no padding; they stand side by side.

    Returns: (batch,), from 0 to pi; not a number where there is no turn.
    """
    steps = rows.diff(dim=1)  # (batch, rows - 1, hidden)
    moved = mask[:, 1:] & mask[:, :-1] & (steps.norm(dim=-1) > 0)
    cosine = cosine_similarity(steps[:, 1:], steps[:, :-1], dim=-1).clamp(-1.0, 1.0)
    turns = moved[:, 1:] & moved[:, :-1]  # (batch, rows - 2)
    angles = torch.where(turns, cosine.arccos(), 0.0).sum(dim=1)
    return angles / turns.sum(dim=1)


def info_nce(sentences: Tensor, copies: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """The InfoNCE loss in nats of finding each sentence's own copy among all copies, and the other
    way round: L = -log(exp(cos(a_i, b_i) / T) / sum_j exp(cos(a_i, b_j) / T)), averaged.

    Near 0 where a copy stays next to its sentence; log(n) where the n copies cannot be told apart.
    Differs from the paper: a sentence is contrasted with one perturbed copy of it, not two copies
    with each other, and both directions are averaged.

    Args:
        sentences, copies: (sentences, hidden), row i of one belonging to row i of the other.

    Returns: a scalar.
    """
    cosine = normalize(sentences, dim=-1) @ normalize(copies, dim=-1).mT / temperature
    own = torch.arange(len(cosine), device=cosine.device)
    return (cross_entropy(cosine, own) + cross_entropy(cosine.mT, own)) / 2


def update_ratio(before: Tensor, after: Tensor) -> Tensor:
    """How much a layer changes the state: ||h_l - h_l-1|| / ||h_l-1||, for states (..., hidden)."""
    tiny = torch.finfo(before.dtype).tiny
    return (after - before).norm(dim=-1) / before.norm(dim=-1).clamp(min=tiny)


def most_entropy(n_rows: Tensor, hidden: int) -> Tensor:
    """The greatest entropy that `n_rows` rows of that width can have: log(min(rows, hidden))."""
    return n_rows.clamp(max=hidden).double().log()


def most_info_nce(n_sentences: int) -> float:
    """The InfoNCE loss where nothing tells the copies apart: log(n)."""
    return math.log(n_sentences)
