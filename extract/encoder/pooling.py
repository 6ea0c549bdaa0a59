"""Pooling of pieces to words and of words to spans: products with membership matrices, weighted sums."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


def pool_words(states: Tensor, word_of_piece: Tensor, n_words: int) -> Tensor:
    """The mean of each word's pieces.

    Args:
        states: (batch, pieces, hidden).
        word_of_piece: (batch, pieces), -1 where a piece belongs to no word.
        n_words: words of the longest window.

    Returns: (batch, words, hidden); zeros for words without pieces (padding).
    """
    words = torch.arange(n_words, device=states.device)
    member = (word_of_piece.unsqueeze(1) == words.view(1, -1, 1)).to(
        states.dtype
    )  # (batch, words, pieces)
    member = member / member.sum(dim=-1, keepdim=True).clamp(min=1.0)
    return member @ states  # (batch, words, hidden)


def span_membership(spans: Tensor, n_words: int, dtype: torch.dtype) -> Tensor:
    """Rows that average the words of spans.

    Args:
        spans: (..., 2) half-open word offsets; an empty span (0, 0) gives a row of zeros.

    Returns: (..., words), each row summing to one or to zero.
    """
    words = torch.arange(n_words, device=spans.device)
    member = ((words >= spans[..., :1]) & (words < spans[..., 1:])).to(dtype)
    return member / member.sum(dim=-1, keepdim=True).clamp(min=1.0)


def weighted_words(words: Tensor, window: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of the words of windows, without a copy of a window's words for each sum.

    Args:
        words: (batch, words, features).
        window: (sums,).
        weights: (sums, words).

    Returns: (sums, features), in float32.
    """
    n_words = words.shape[1]
    rows = window.unsqueeze(1) * n_words + torch.arange(n_words, device=words.device)
    return embedding_bag(
        rows, words.flatten(0, 1).float(), mode="sum", per_sample_weights=weights.float()
    )
