"""Pair pooling by attention: the pair asks each word of the window how much it says."""

from __future__ import annotations

import math

from torch import Tensor, nn

from extract.encoder.pooling import weighted_words
from extract.heads.pooling.base import PairPooling, PairText, Pooled, register_pair_pooling
from extract.heads.rows import rows_at


@register_pair_pooling("attention")
class PairAttentionPooling(PairPooling):
    """A mean of the window's words, weighed with the pair as the query.

    weights_t = softmax_t((A s + B o) . K x_t / sqrt(features)); the result is sum_t weights_t W x_t.

    Shen and Huang 2016, Attention-Based Convolutional Neural Network for Semantic Relation Extraction (words
    weighed by the entities). Differs from the paper: one query of both spans and not one attention an
    entity; the weights are scaled dot products (Vaswani et al. 2017, Attention Is All You Need).
    """

    def __init__(self, hidden: int, span_width: int, features: int, dropout: float) -> None:
        super().__init__(hidden, span_width, features, dropout)
        self.subject = nn.Linear(span_width, features)
        self.object = nn.Linear(span_width, features, bias=False)
        # A bias here would add the same to all words of a query.
        self.key = nn.Linear(hidden, features, bias=False)

    def forward(self, text: PairText) -> Pooled:
        keys = self.key(text.words).transpose(1, 2)
        keys = keys / math.sqrt(keys.shape[1])  # (batch, features, words)
        # A query is the sum of its spans' parts, and so are its scores: pairs are never held as queries.
        by_subject = (self.subject(text.represented) @ keys).float()  # (batch, spans, words)
        by_object = (self.object(text.represented) @ keys).float()
        values = self.words(text.words)

        def pooled(pairs: Tensor) -> Tensor:
            window, subject, object_ = pairs.unbind(1)
            logits = rows_at(by_subject, window, subject)  # (pairs, words)
            logits += rows_at(by_object, window, object_)
            weights = logits.masked_fill(~text.mask[window], float("-inf")).softmax(dim=-1)
            return weighted_words(values, window, weights)

        return pooled
