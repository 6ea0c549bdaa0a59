"""Position indicators: markers around the two spans of a pair, put into the sequence of words.

Zhang and Wang 2015, Relation Classification via Recurrent Neural Network.
Differs from the paper: spans may nest; then the markers do too.
"""

from __future__ import annotations

import torch
from torch import Tensor

N_INDICATORS = 4  # <e1>, </e1>, <e2>, </e2>


def in_text_order(spans: Tensor, real: Tensor) -> Tensor:
    """All pairs of different spans of a window, the one that starts, or else ends, first as the first.

    Args:
        spans: (batch, spans, 2), half-open words; no span twice a window.
        real: (batch, spans), which are no padding.

    Returns: (pairs, 3) of window, row of the first span, row of the second; by window.
    """
    start, end = spans.unbind(dim=-1)
    width = int(spans.max()) + 1 if spans.numel() else 1
    rank = start * width + end  # (batch, spans)
    before = rank.unsqueeze(2) < rank.unsqueeze(1)
    return (before & real.unsqueeze(1) & real.unsqueeze(2)).nonzero()


def marked(ends: Tensor, window: Tensor, n_windows: int, n_words: int) -> Tensor:
    """The words of each pair's window with the four indicators among them, as rows of one table.

    The table has the words of all windows, `n_words` each, and then the indicators <e1>, </e1>, <e2>
    and </e2>. At one place, closing indicators stand before opening ones, and those of an inner span
    inside those of an outer one.

    Args:
        ends: (pairs, 4): start and end of e1, start and end of e2; two different spans of half-open words.
        window: (pairs,).
        n_windows, n_words: windows of the batch, and words of the longest.

    Returns: (pairs, n_words + 4); the sequence ends four places after the window's words.
    """
    n_pairs, n_rows = len(ends), n_windows * n_words
    words = torch.arange(n_words, device=ends.device)
    # A word moves by as many places as indicators stand before it.
    shift = (ends.unsqueeze(1) <= words.view(1, -1, 1)).sum(dim=-1)  # (pairs, words)
    start, end = ends[:, 0::2], ends[:, 1::2]  # (pairs, spans)
    opening = start * 2 * (n_words + 1) + (n_words + 1) + (n_words - end)
    closing = end * 2 * (n_words + 1) + (n_words - start)
    order = torch.stack([opening, closing], dim=-1).flatten(1)  # (pairs, 4), no two alike
    rank = (order.unsqueeze(1) < order.unsqueeze(2)).sum(dim=-1)
    items = torch.empty(n_pairs, n_words + N_INDICATORS, dtype=torch.long, device=ends.device)
    items.scatter_(1, words + shift, window.unsqueeze(1) * n_words + words)
    indicators = n_rows + torch.arange(N_INDICATORS, device=ends.device)
    return items.scatter_(1, ends + rank, indicators.expand(n_pairs, -1))
