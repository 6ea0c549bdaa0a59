"""Filter and refine: of many items keep the likeliest, then let these read the text and each other.

Items are spans, or pairs of spans. A layer lets each item attend over the words of its window (READ), then
over the other items (PROCESS), and passes it through a feed-forward network. Items are a set: nothing tells
their order, so that permuting them permutes what comes out.

Source: Zaratiana et al. 2024, EnriCo: Enriched Representation and Globally Constrained Inference for Entity
and Relation Extraction. Differs from the paper: each step adds to what a layer norm of its input gives, and
what comes out is normed; a filter's score is a sum over labels (see `losses.any_label`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

_INNER = 4  # times the width, in the feed-forward network


class Joined(nn.Module):
    """Represents two vectors as one: a hidden layer over both side by side.

    Each vector is projected once, so that many pairs of few vectors cost little.

    Args:
        hidden: width of the vectors.
        width: width of what comes out.
    """

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.left = nn.Linear(hidden, width)
        self.right = nn.Linear(hidden, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, rows: Tensor, features: Tensor | None = None) -> Tensor:
        """(items, width).

        Args:
            states: (batch, vectors, hidden).
            rows: (items, 3) of window, left vector, right vector.
            features: (items, width), added before the nonlinearity.
        """
        window, left, right = rows.unbind(1)
        joined = self.left(states)[window, left] + self.right(states)[window, right]
        if features is not None:
            joined = joined + features.to(joined.dtype)
        items: Tensor = self.dropout(gelu(joined))
        return items


class ReadProcess(nn.Module):
    """One layer: items attend over words, then over items, then a feed-forward network."""

    def __init__(self, width: int, hidden: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        # A key of zeros beside the others lets an item read nothing, which is all that the padding of
        # a window without items can do.
        self.read_norm = nn.LayerNorm(width)
        self.read = nn.MultiheadAttention(
            width,
            n_heads,
            dropout,
            add_zero_attn=True,
            kdim=hidden,
            vdim=hidden,
            batch_first=True,
        )
        self.process_norm = nn.LayerNorm(width)
        self.process = nn.MultiheadAttention(
            width, n_heads, dropout, add_zero_attn=True, batch_first=True
        )
        self.inner = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, _INNER * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(_INNER * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, items: Tensor, real: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """(batch, items, width); see `Refinement`."""
        asked = self.read_norm(items)
        read, _ = self.read(asked, words, words, key_padding_mask=~mask, need_weights=False)
        items = items + self.dropout(read)
        asked = self.process_norm(items)
        of_others, _ = self.process(asked, asked, asked, key_padding_mask=~real, need_weights=False)
        items = items + self.dropout(of_others)
        refined: Tensor = items + self.dropout(self.inner(items))
        return refined


class Refinement(nn.Module):
    """A projection and layers that refine the items of each window.

    Args:
        width: of the items.
        hidden: width of word states.
        n_heads: of each attention; they share the width.
        n_layers: at least one.
    """

    def __init__(
        self, width: int, hidden: int, *, n_heads: int, n_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.layers = nn.ModuleList(
            ReadProcess(width, hidden, n_heads, dropout) for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Tensor, real: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """Refined items (batch, items, width). Neither padding items nor padding words have influence.

        Args:
            items: (batch, items, width).
            real: (batch, items), which items are no padding.
            words: (batch, words, hidden).
            mask: (batch, words), which words are no padding.
        """
        items = self.project(items)
        for layer in self.layers:
            items = layer(items, real, words, mask)
        refined: Tensor = self.norm(items)
        return refined


def keep_top(
    window: Tensor, likely: Tensor, n_kept: Tensor, must: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The likeliest items of each window.

    Args:
        window: (items,), the window of each item, ascending.
        likely: (items,), finite scores.
        n_kept: (batch,), items to keep of each window, fewer where it has fewer.
        must: (items,), items that are kept before all others, even beyond `n_kept`.

    Returns: rows of the items (batch, kept), the likeliest first; which are no padding (batch, kept).
    """
    batch = len(n_kept)
    if must is not None:
        likely = likely.masked_fill(must, float("inf"))
        n_kept = n_kept.maximum(torch.bincount(window[must], minlength=batch))
    counts = torch.bincount(window, minlength=batch)
    first = counts.cumsum(0) - counts
    scores = likely.new_full((batch, int(counts.max())), float("-inf"))
    scores[window, torch.arange(len(window), device=window.device) - first[window]] = likely
    n_kept = counts.minimum(n_kept)
    top = scores.topk(int(n_kept.max()), dim=1).indices
    real = torch.arange(top.shape[1], device=top.device) < n_kept.unsqueeze(1)
    return (first.unsqueeze(1) + top) * real, real
