"""Where the span of a query starts and ends: two distributions over the words of the text.

The logit of word j for either boundary is q . k(j) / sqrt(d) + b[j - p], p being where the query's span has
that boundary now; b is learned for each distance and starts by keeping the boundary where it is.

Wen et al. 2022, End-to-End Entity Detection with Proposer and Regressor (the regressor).
Differs from the paper: it chooses among words, where the paper regresses locations between 0 and 1 and rounds
them, so that a boundary is a word at all times and its probability is known.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_FARTHEST = 16  # words a boundary moves, or more, that share one term
_STAY = 4.0  # the first term of a boundary that does not move


class BoundaryPointer(nn.Module):
    """Log-probabilities of the first and of the last word of spans."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, 2 * width)
        self.word = nn.Linear(width, 2 * width, bias=False)
        self.move = nn.Embedding(2 * _FARTHEST + 1, 2)
        with torch.no_grad():
            nn.init.zeros_(self.move.weight)
            self.move.weight[_FARTHEST] = _STAY

    def forward(self, queries: Tensor, spans: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """(batch, queries, 2, words): of the first word, and of the last.

        Args:
            queries: (batch, queries, width).
            spans: (batch, queries, 2), half-open.
            words: (batch, words, width).
            mask: (batch, words).
        """
        query = self.query(queries).unflatten(-1, (2, -1))  # (batch, queries, 2, width)
        word = self.word(words).unflatten(-1, (2, -1))  # (batch, words, 2, width)
        logits = torch.einsum("bqew,bjew->bqej", query, word).float() / math.sqrt(query.shape[-1])
        now = torch.stack([spans[..., 0], spans[..., 1] - 1], dim=-1)  # (batch, queries, 2)
        place = torch.arange(words.shape[1], device=spans.device)
        distance = (place - now.unsqueeze(-1)).clamp(-_FARTHEST, _FARTHEST) + _FARTHEST
        first, last = self.move.weight.float().T  # each (distances,)
        logits = logits + torch.stack([first[distance[:, :, 0]], last[distance[:, :, 1]]], dim=2)
        logits = logits.masked_fill(~mask[:, None, None], torch.finfo(logits.dtype).min)
        return logits.log_softmax(dim=-1)


def best_spans(boundaries: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest first and last word of each query, the last not before the first.

    Args:
        boundaries: (batch, queries, 2, words), log-probabilities.

    Returns: spans (batch, queries, 2), half-open; the sum of the two log-probabilities (batch, queries).
    """
    first, last = boundaries.unbind(2)  # (batch, queries, words)
    onwards = last.flip(-1).cummax(dim=-1)
    best_last = onwards.values.flip(-1)  # of any last word at or after each word
    where = last.shape[-1] - 1 - onwards.indices.flip(-1)
    score, start = (first + best_last).max(dim=-1)
    end = where.gather(-1, start.unsqueeze(-1)).squeeze(-1) + 1
    return torch.stack([start, end], dim=-1), score
