"""What stands between two spans, as evidence for their relation.

Eberts and Ulges 2020, Span-based Joint Entity and Relation Extraction with Transformer Pre-training
(max pooling over the words between, their localised context).
Differs from the paper: words are projected to few features before pooling, the spans enter by their
subject and object projections, and the result is added to a bilinear score.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from extract.heads.rows import rows_at, same_rows
from extract.heads.scorers import Projection


class PairContext(nn.Module):
    """Scores of span pairs from the words between them and from the spans.

    Args:
        hidden: width of word states.
        width: width of the subject and object projections.
        n_labels: relations.
        features: width of the pooled words and of the pair's hidden layer.
    """

    def __init__(
        self, hidden: int, width: int, n_labels: int, dropout: float, features: int = 96
    ) -> None:
        super().__init__()
        self.n_features = features
        self.words = Projection(hidden, features, dropout)
        self.subject = nn.Linear(width, features)
        self.object = nn.Linear(width, features)
        self.between = nn.Linear(features, features)
        self.order = nn.Embedding(3, features)  # subject first, object first, overlapping
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(features, n_labels)

    def forward(
        self, states: Tensor, spans: Tensor, subject: Tensor, object_: Tensor, pairs: Tensor
    ) -> Tensor:
        """Scores (pairs, labels); arguments as of `features`."""
        return self.scored(self.features(states, spans, subject, object_, pairs))

    def scored(self, features: Tensor) -> Tensor:
        """Scores (pairs, labels) of features (pairs, features)."""
        scores: Tensor = self.score(self.dropout(gelu(features)))
        return scores

    def features(
        self, states: Tensor, spans: Tensor, subject: Tensor, object_: Tensor, pairs: Tensor
    ) -> Tensor:
        """The pair's hidden layer before its nonlinearity, (pairs, features).

        Args:
            states: (batch, words, hidden).
            spans: (batch, spans, 2), half-open word offsets.
            subject, object_: (batch, spans, width), the spans' projections.
            pairs: (pairs, 3): window, row of the subject's span, row of the object's.
        """
        window, left, right = pairs.unbind(1)
        first, last, order = between(rows_at(spans, window, left), rows_at(spans, window, right))
        features = rows_at(self.subject(subject), window, left)
        features += rows_at(self.object(object_), window, right)
        features += RangeMax(self.words(states)).through(self.between, window, first, last)
        features += self.order(order).to(features.dtype)
        return features


def between(subject: Tensor, object_: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The words between two spans, and which span comes first.

    Args:
        subject, object_: (pairs, 2), half-open word offsets.

    Returns: the first word between and the first behind it, where the former is not below the latter
    nothing is between; 0 for pairs whose subject comes first, 1: the object does, 2: they share a word.
    All (pairs,).
    """
    first = torch.minimum(subject[:, 1], object_[:, 1])
    last = torch.maximum(subject[:, 0], object_[:, 0])
    order = torch.where(subject[:, 1] <= object_[:, 0], 0, 1)
    return first, last, torch.where(first > last, 2, order)


def range_max(words: Tensor, window: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """The maximum over words `first` up to `last` of a window, for many ranges; zeros for empty ones.

    Args:
        words: (batch, words, features).
        window, first, last: (ranges,).

    Returns: (ranges, features).
    """
    return RangeMax(words)(window, first, last)


class RangeMax:
    """Maxima over ranges of words, for as many ranges as may come.

    Maxima over runs of 1, 2, 4, ... words are made once; two of them cover any range. Bender and
    Farach-Colton 2000, The LCA Problem Revisited (sparse tables). Differs from the paper: nothing.

    Args:
        words: (batch, words, features).
    """

    def __init__(self, words: Tensor) -> None:
        levels = [words]
        run = 1
        while 2 * run <= words.shape[1]:
            longer = torch.maximum(levels[-1][:, :-run], levels[-1][:, run:])
            # Runs that would leave the window are never asked for: they keep the shorter maximum.
            levels.append(torch.cat([longer, levels[-1][:, -run:]], dim=1))
            run *= 2
        self._table = torch.stack(levels)  # (levels, batch, words, features)

    def __call__(self, window: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """The maximum over words `first` up to `last` of each window; zeros for empty ranges.

        Args:
            window, first, last: (ranges,).

        Returns: (ranges, features).
        """
        table = self._table
        length = (last - first).clamp(min=1)
        level = length.log2().long()
        # An empty range may stand behind the last word.
        start = first.clamp(max=table.shape[2] - 1)
        at_end = start + length - 2**level
        best = torch.maximum(
            rows_at(table, level, window, start), rows_at(table, level, window, at_end)
        )
        return best.masked_fill((last <= first).unsqueeze(-1), 0.0)

    def through(
        self, layer: Callable[[Tensor], Tensor], window: Tensor, first: Tensor, last: Tensor
    ) -> Tensor:
        """A layer's outputs (ranges, width) for the maxima; equal ranges are read once.

        Both directions of a pair have the same words between, and so have pairs that share these ends.
        """
        n_words = self._table.shape[2] + 1
        first, last = first.clamp(max=n_words - 1), last.clamp(max=n_words - 1)
        key = (window * n_words + first) * n_words + last
        kept, of_range = same_rows(key, self._table.shape[1] * n_words**2)
        some = (numbers.index_select(0, kept) for numbers in (window, first, last))
        return layer(self(*some)).index_select(0, of_range)
