"""Which spans are worth a closer look, or are entities: a biaffine scorer on word states says so.

Yu et al. 2020, Named Entity Recognition as Dependency Parsing. Differs from the paper: each type has log-odds
of its own, to which a span's number of words adds; some heads only choose spans by them, which another
scorer then reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from extract.heads.base import GoldWindow, HeadConfig, WordStates
from extract.heads.scorers import Biaffine, Projection
from extract.heads.spans import MAX_WIDTH, gold_spans, span_loss, span_scores, top_spans


class SpanFilter(nn.Module):
    """Scores and proposes spans of each window.

    Args:
        config: its `span_floor` and `max_spans` bound what is proposed.
        n_types: entity types.
        hidden: width of word states.
        width: width of the projections of first and last words.
    """

    def __init__(self, config: HeadConfig, n_types: int, hidden: int, width: int) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.start = Projection(hidden, width, config.dropout)
        self.last = Projection(hidden, width, config.dropout)
        self.scorer = Biaffine(width, n_types)
        self.widths = nn.Embedding(MAX_WIDTH + 1, n_types)
        nn.init.zeros_(self.widths.weight)

    def forward(self, states: WordStates) -> Tensor:
        """Scores (batch, first words, last words, entity_types)."""
        words = self.dropout(states.entities)
        return span_scores(words, self.start, self.last, self.scorer, self.widths)

    def label_axes(self, name: str) -> dict[str, tuple[str | None, ...]]:
        """As `Head.label_axes`, for a head that calls the filter `name`."""
        return {
            f"{name}.scorer.weight": (None, "entity_types"),
            f"{name}.scorer.bias": ("entity_types",),
            f"{name}.widths.weight": (None, "entity_types"),
        }

    def loss(self, scores: Tensor, mask: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        """The loss of all spans a word, a scalar."""
        return span_loss(scores, mask, gold) / mask.sum()

    def proposed(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The spans above the floor, the likeliest: (batch, first words, last words), bool."""
        spans, real, _ = top_spans(scores, mask, self.config)
        return as_cells(spans, real, mask.shape[1])

    def proposed_in_training(
        self, scores: Tensor, mask: Tensor, gold: Sequence[GoldWindow], n_false: int
    ) -> Tensor:
        """Gold spans and the likeliest, `n_false` more than there are gold ones, as `proposed`.

        The floor does not count: the filter soon knows the training corpus too well to leave false spans.
        """
        spans, real, _ = top_spans(scores.detach(), mask, self.config, floor=float("-inf"))
        n_gold = torch.tensor([len(gold_spans(window)) for window in gold], device=mask.device)
        rank = torch.arange(spans.shape[1], device=mask.device)
        few = real & (rank < (n_gold + n_false).unsqueeze(1))
        return as_cells(spans, few, mask.shape[1]) | gold_cells(gold, mask)


def as_cells(spans: Tensor, real: Tensor, n_words: int) -> Tensor:
    """Spans (batch, spans, 2), those that are `real`, as cells (batch, first words, last words)."""
    cells = torch.zeros(len(spans), n_words, n_words, dtype=torch.bool, device=spans.device)
    window, row = real.nonzero(as_tuple=True)
    start, end = spans[window, row].unbind(1)
    cells[window, start, end - 1] = True
    return cells


def gold_cells(gold: Sequence[GoldWindow], mask: Tensor) -> Tensor:
    """Every span the annotation names, as cells (batch, first words, last words)."""
    cells = torch.zeros(*mask.shape, mask.shape[1], dtype=torch.bool)
    for row, window in enumerate(gold):
        for start, end in gold_spans(window):
            cells[row, start, end - 1] = True
    return cells.to(mask.device)


def short_spans(mask: Tensor, max_width: int) -> Tensor:
    """All spans of at most `max_width` words, as cells (batch, first words, last words)."""
    cells = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu()
    return cells & ~torch.ones_like(cells).triu(max_width)
