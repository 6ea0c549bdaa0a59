"""Features of all short spans, level by level: level l holds those of l words, made from the level below.

Words are level 1. A span of l words is made from the two spans of l - 1 words that it consists of, a without
its last word and b without its first:

    h = LayerNorm(g * a + (1 - g) * b + GELU(W_c [a; b] + d_c)),    g = sigmoid(W_g [a; b] + d_g)

so that a feature reads the words of its span and no other. All levels share W and d.

Wen et al. 2022, End-to-End Entity Detection with Proposer and Regressor (the proposer); Wang et al. 2020,
Pyramid: A Layered Model for Nested Named Entity Recognition (the pyramid).
Differs from the papers: the convolution over neighbours is gated, and its weights are shared by all levels,
since long spans are few; no second pyramid leads back down, through which a span would read words outside
of it: contextual word states already know them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from extract.heads.scorers import Projection


class FeaturePyramid(nn.Module):
    """Features of all spans of up to `n_levels` words.

    Args:
        hidden: width of word states.
        width: width of features.
        n_levels: words of the longest span.
    """

    def __init__(self, hidden: int, width: int, n_levels: int, dropout: float) -> None:
        super().__init__()
        self.words = Projection(hidden, width, dropout)
        self.combine = nn.Linear(2 * width, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.level = nn.Embedding(n_levels, width)
        nn.init.normal_(self.level.weight, std=0.1)

    def forward(self, states: Tensor) -> Tensor:
        """(batch, words, hidden) to (batch, spans, width), the spans being those of `pyramid_spans`."""
        n_words = states.shape[1]
        below = self.norm(self.words(states))  # (batch, words - level + 1, width)
        levels = [below]
        for _ in range(1, min(self.level.num_embeddings, n_words)):
            left, right = below[:, :-1], below[:, 1:]
            gate, new = self.combine(torch.cat([left, right], dim=-1)).chunk(2, dim=-1)
            gate = gate.sigmoid()
            below = self.norm(gate * left + (1 - gate) * right + gelu(new))
            levels.append(below)
        sizes = torch.tensor([level.shape[1] for level in levels], device=states.device)
        of_level = torch.arange(len(levels), device=states.device).repeat_interleave(sizes)
        features: Tensor = torch.cat(levels, dim=1)
        return features + self.level(of_level).to(features.dtype)


def pyramid_spans(n_words: int, n_levels: int, device: torch.device) -> Tensor:
    """All spans of up to `n_levels` of `n_words` words: (spans, 2), half-open, shorter ones first."""
    starts = torch.arange(n_words, device=device)
    levels = [
        torch.stack([starts[: n_words - width], starts[width:] + 1], dim=1)
        for width in range(min(n_levels, n_words))
    ]
    return torch.cat(levels)


def span_row(spans: Tensor, n_words: int) -> Tensor:
    """Where spans stand among `pyramid_spans` of `n_words` words: (..., 2) half-open to (...)."""
    start, end = spans.unbind(-1)
    below = (
        end - start - 1
    )  # levels under the span's own; the k-th of them has n_words - k + 1 spans
    return below * n_words - below * (below - 1) // 2 + start
