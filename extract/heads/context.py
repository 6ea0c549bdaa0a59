"""What stands between two spans, as evidence for their relation.

Eberts and Ulges 2020, Span-based Joint Entity and Relation Extraction with Transformer Pre-training
(max pooling over the words between, their localised context).
Differs from the paper: words are projected to few features before pooling, the spans enter by their
subject and object projections, and the result is added to a bilinear score.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

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
        self.words = Projection(hidden, features, dropout)
        self.subject = nn.Linear(width, features)
        self.object = nn.Linear(width, features)
        self.between = nn.Linear(features, features)
        self.order = nn.Embedding(3, features)  # subject first, object first, overlapping
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(features, n_labels)

    def forward(self, states: Tensor, spans: Tensor, subject: Tensor, object_: Tensor) -> Tensor:
        """Scores (batch, spans, spans, labels).

        Args:
            states: (batch, words, hidden).
            spans: (batch, spans, 2), half-open word offsets.
            subject, object_: (batch, spans, width), the spans' projections.
        """
        start, end = spans[..., 0], spans[..., 1]
        first = torch.minimum(end.unsqueeze(2), end.unsqueeze(1))  # (batch, spans, spans)
        last = torch.maximum(start.unsqueeze(2), start.unsqueeze(1))
        pooled = self._pool(self.words(states), first, last)  # (batch, spans, spans, features)
        order = torch.where(end.unsqueeze(2) <= start.unsqueeze(1), 0, 1)
        order = torch.where(first > last, 2, order)
        pair = self.subject(subject).unsqueeze(2) + self.object(object_).unsqueeze(1)
        pair = pair + self.between(pooled) + self.order(order).to(pair.dtype)
        scores: Tensor = self.score(self.dropout(gelu(pair)))
        return scores

    def _pool(self, words: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """The maximum over words `first` up to `last` of each pair; zeros where there are none."""
        at = torch.arange(words.shape[1], device=words.device)
        # Ranges start at few words: running maxima from each span's end, then a look-up.
        batch, n_spans = first.shape[:2]
        ends = first.diagonal(dim1=1, dim2=2)  # (batch, spans): each span's own end
        after = (at >= ends.unsqueeze(-1)).unsqueeze(-1)  # (batch, spans, words, 1)
        low = torch.finfo(words.dtype).min
        running = words.unsqueeze(1).masked_fill(~after, low).cummax(dim=2).values
        # The pair's range starts at the end of whichever span ends first.
        earlier = ends.unsqueeze(2) <= ends.unsqueeze(1)
        index = torch.arange(n_spans, device=words.device)
        source = torch.where(earlier, index.view(1, -1, 1), index.view(1, 1, -1))
        rows = torch.arange(batch, device=words.device).view(-1, 1, 1)
        stop = (last - 1).clamp(min=0)
        pooled = running[rows, source, stop]  # (batch, spans, spans, features)
        return pooled.masked_fill((first >= last).unsqueeze(-1), 0.0)
