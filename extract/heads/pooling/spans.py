"""Poolings of the words of a span."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from extract.encoder.pooling import weighted_words
from extract.heads.context import RangeMax
from extract.heads.pooling.base import SpanPooling, register_span_pooling
from extract.heads.rows import rows_at

_UNITS = 128  # of the layer that weighs a span's words


@register_span_pooling("endpoints")
class EndpointPooling(SpanPooling):
    """The first and the last word side by side: [x_start; x_last].

    Zhong and Chen 2021, A Frustratingly Easy Approach for Entity and Relation Extraction.
    Differs from the paper: nothing.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.width = 2 * hidden

    def forward(self, words: Tensor, window: Tensor, spans: Tensor) -> Tensor:
        first, last = spans[:, 0], spans[:, 1] - 1
        return torch.cat([rows_at(words, window, first), rows_at(words, window, last)], dim=-1)


@register_span_pooling("max")
class MaxPooling(SpanPooling):
    """The maximum of each feature over the span's words.

    Eberts and Ulges 2020, Span-based Joint Entity and Relation Extraction with Transformer Pre-training.
    Differs from the paper: words and not pieces are pooled.
    """

    def forward(self, words: Tensor, window: Tensor, spans: Tensor) -> Tensor:
        return RangeMax(words)(window, spans[:, 0], spans[:, 1])


@register_span_pooling("attention")
class AttentionPooling(SpanPooling):
    """A mean of the span's words by learned weights: sum_t softmax_t(v . f(W x_t)) x_t over the span.

    Lee et al. 2017, End-to-end Neural Coreference Resolution (the soft head word).
    Differs from the paper: it stands alone and not beside the endpoints; f is a GELU.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.weigh = nn.Sequential(
            nn.Linear(hidden, _UNITS), nn.GELU(), nn.Linear(_UNITS, 1, bias=False)
        )

    def forward(self, words: Tensor, window: Tensor, spans: Tensor) -> Tensor:
        logits = self.weigh(words).squeeze(-1).float()  # (batch, words)
        place = torch.arange(words.shape[1], device=words.device)
        member = (place >= spans[:, :1]) & (place < spans[:, 1:])  # (spans, words)
        weights = logits[window].masked_fill(~member, float("-inf")).softmax(dim=-1)
        return weighted_words(words, window, weights)
