"""States of the cells of a word-pair table: a convolution over them, and scores of their blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

_CELLS_AT_ONCE = 65536  # bounds the memory of a convolution, which holds nine copies of its cells


@dataclass(frozen=True, slots=True)
class CellStates:
    """Cells that a linear layer scores by relation, each alone or blocks of them by their mean.

    states: (batch, words, words, channels), zero where either word is padding.
    """

    states: Tensor
    scorer: nn.Linear

    def scores(self) -> Tensor:
        """The score of each cell: (batch, words, words, relations)."""
        scores: Tensor = self.scorer(self.states)
        return scores

    def block_scores(self, member: Tensor, pairs: Tensor) -> Tensor:
        """The mean score of the cells of each pair of spans: (pairs, relations).

        Args:
            member: (batch, spans, words), rows that average the words of spans.
            pairs: (pairs, 3) of window, subject span, object span.
        """
        scores: Tensor = self.scorer(block_means(self.states, member, pairs))
        return scores


def block_means(cells: Tensor, member: Tensor, pairs: Tensor) -> Tensor:
    """The mean of the cells (word of the first span, word of the second) of each pair of spans.

    Args:
        cells: (batch, words, words, channels).
        member: (batch, spans, words), rows that average the words of spans.
        pairs: (pairs, 3) of window, first span, second span.

    Returns: (pairs, channels).
    """
    batch, n_words, _, channels = cells.shape
    rows = member @ cells.reshape(batch, n_words, -1)  # (batch, spans, words * channels)
    rows = rows.view(batch, -1, n_words, channels)
    blocks = member.unsqueeze(1) @ rows  # (batch, spans, spans, channels)
    return blocks[pairs.unbind(1)]


class TableConvolution(nn.Module):
    """Residual 3 x 3 convolutions over the cells of a table, the next one reaching twice as far.

    h := h + GELU(conv_d(norm(h))) with dilations d = 1, 2, 4, ...; then norm(h). Cells of padding are
    zeros in front of each convolution, as are those beyond the table: a window's cells are the same
    whatever it is padded with.

    Li et al. 2022, Unified Named Entity Recognition as Word-Word Relation Classification (dilated
    convolutions over the table of word pairs). Differs from the paper: dilations follow each other and
    do not stand side by side, layers are residual and normalised, and padding is masked.

    Args:
        channels: of each cell, in and out.
        n_layers: convolutions; 0 leaves the norm.
        dropout: on what each layer adds.
    """

    def __init__(self, channels: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(n_layers + 1))
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=2**i, dilation=2**i) for i in range(n_layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, cells: Tensor, mask: Tensor) -> Tensor:
        """(batch, words, words, channels) to the same, zeros where either word is padding.

        Args:
            mask: (batch, words).
        """
        at_once = max(1, _CELLS_AT_ONCE // mask.shape[1] ** 2)
        parts = zip(cells.split(at_once), mask.split(at_once), strict=True)
        return torch.cat([self._read(*part) for part in parts])

    def _read(self, cells: Tensor, mask: Tensor) -> Tensor:
        real = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(-1)  # (batch, words, words, 1)
        for norm, layer in zip(self.norms, self.layers, strict=False):
            seen = (norm(cells) * real).permute(0, 3, 1, 2)  # (batch, channels, words, words)
            cells = cells + self.dropout(gelu(layer(seen))).permute(0, 2, 3, 1)
        normed: Tensor = self.norms[-1](cells) * real
        return normed
