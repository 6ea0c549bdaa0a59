"""Refinement of span queries by attention to each other and, near their spans, to the words.

Spatially modulated attention: head h of a query that stands for the span [s, e) reads word j by

    softmax_j(q_h . k_h(j) / sqrt(d) - (j + 1/2 - c_h)^2 / (2 w_h^2))
    c_h = (s + e) / 2 + offset_h * (e - s)
    w_h = (e - s + 1) / 2 * exp(scale_h)

where offset_h and scale_h are read from the query by a learned map. The one word more in w_h lets the query
of a single word see the words beside it.

Wen et al. 2022, End-to-End Entity Detection with Proposer and Regressor; Gao et al. 2021, Fast Convergence
of DETR with Spatially Modulated Co-Attention (the Gaussian prior).
Differs from the papers: the prior's width grows with the span, and its heads start spread from the span's
start to its end, every other one four times as wide; layers normalise their inputs, not their outputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_WIDEST = 4.0  # bounds of scale_h: beyond them the prior is flat, or sees one word
_NARROWEST = -2.0
_LONGEST = 256  # words; the longest wave of positions


class Attention(nn.Module):
    """Multi-head attention whose logits take a term from outside.

    Vaswani et al. 2017, Attention Is All You Need. Differs from the paper: the added term.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.value, self.out = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(
            width, width, bias=False
        )  # a bias would move all logits of a query alike
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, prior: Tensor | None = None
    ) -> Tensor:
        """(batch, queries, width).

        Args:
            query: (batch, queries, width).
            key, value: (batch, keys, width).
            mask: (batch, keys), which keys are real.
            prior: (batch, heads, queries, keys), added to the logits.
        """
        q, k, v = (
            layer(states).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for layer, states in ((self.query, query), (self.key, key), (self.value, value))
        )  # (batch, heads, queries or keys, width of a head)
        logits = (q @ k.transpose(2, 3)).float() / math.sqrt(q.shape[-1])
        if prior is not None:
            logits = logits + prior
        # Lower than any prior, so that no padding is read however far the words are from the span.
        logits = logits.masked_fill(~mask[:, None, None], torch.finfo(logits.dtype).min)
        weights = self.dropout(logits.softmax(dim=-1)).to(v.dtype)
        read: Tensor = self.out((weights @ v).transpose(1, 2).flatten(2))
        return read


def spatial_prior(spans: Tensor, offset: Tensor, scale: Tensor, n_words: int) -> Tensor:
    """The logarithm of a Gaussian, 0 at its peak, over words; see the module's docstring.

    Args:
        spans: (batch, queries, 2), half-open.
        offset, scale: (batch, queries, heads).

    Returns: (batch, heads, queries, words).
    """
    start, end = spans.float().unsqueeze(-1).unbind(2)  # (batch, queries, 1)
    centre = (start + end) / 2 + offset.float() * (end - start)  # (batch, queries, heads)
    width = (end - start + 1) / 2 * scale.float().clamp(_NARROWEST, _WIDEST).exp()
    words = torch.arange(n_words, device=spans.device) + 0.5
    distance = (words - centre.unsqueeze(-1)) / width.unsqueeze(-1)
    return -distance.square().transpose(1, 2) / 2


def span_positions(spans: Tensor, width: int) -> Tensor:
    """Sines and cosines of where spans start and end: (..., 2) to (..., width); width is a multiple of 4."""
    n = width // 4
    rates = torch.exp(-math.log(_LONGEST) * torch.arange(n, device=spans.device) / max(1, n - 1))
    angles = (spans.float().unsqueeze(-1) * rates).flatten(-2)  # (..., 2 * n)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class RefinementLayer(nn.Module):
    """One round: queries attend to each other, then to the words near their spans, then each thinks alone."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.among = Attention(width, n_heads, dropout)
        self.position = nn.Linear(width, width)
        self.words = Attention(width, n_heads, dropout)
        self.modulation = nn.Linear(width, 2 * n_heads)
        with torch.no_grad():
            nn.init.zeros_(self.modulation.weight)
            self.modulation.bias[:n_heads] = torch.linspace(-0.5, 0.5, n_heads)
            self.modulation.bias[n_heads:] = torch.arange(n_heads) % 2 * math.log(4)
        self.forward_layer = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, queries: Tensor, spans: Tensor, real: Tensor, words: Tensor, mask: Tensor
    ) -> Tensor:
        """Refined queries (batch, queries, width).

        Args:
            queries: (batch, queries, width).
            spans: (batch, queries, 2), half-open, what each query stands for now.
            real: (batch, queries), which queries are no padding.
            words: (batch, words, width).
            mask: (batch, words).
        """
        among, near, alone = self.norms
        own = among(queries)
        placed = own + self.position(span_positions(spans, own.shape[-1]).to(own.dtype))
        queries = queries + self.dropout(self.among(placed, placed, own, real))
        own = near(queries)
        offset, scale = self.modulation(own).chunk(2, dim=-1)  # (batch, queries, heads)
        prior = spatial_prior(spans, offset, scale, words.shape[1])
        queries = queries + self.dropout(self.words(own, words, words, mask, prior))
        refined: Tensor = queries + self.dropout(self.forward_layer(alone(queries)))
        return refined
