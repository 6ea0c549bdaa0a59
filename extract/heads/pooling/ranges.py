"""Pair poolings over stretches of the sentence: the words between, and all five pieces."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from extract.heads.context import RangeMax, between
from extract.heads.pooling.base import PairPooling, PairText, Pooled, register_pair_pooling
from extract.heads.rows import rows_at


@register_pair_pooling("none")
class NoPooling(PairPooling):
    """Nothing beside the two spans."""

    n_parts = 0

    def forward(self, text: PairText) -> Pooled:
        return lambda pairs: text.words.new_zeros(len(pairs), 0)


@register_pair_pooling("between")
class BetweenPooling(PairPooling):
    """The maximum of each feature over the words between the spans; zeros where there are none.

    Eberts and Ulges 2020, Span-based Joint Entity and Relation Extraction with Transformer Pre-training (the
    localised context). Differs from the paper: words are projected to few features first.
    """

    def forward(self, text: PairText) -> Pooled:
        return self.through(text, nn.Identity())

    def through(self, text: PairText, layer: nn.Module) -> Pooled:
        maxima = RangeMax(self.words(text.words))

        def pooled(pairs: Tensor) -> Tensor:
            window, subject, object_ = pairs.unbind(1)
            spans = (rows_at(text.spans, window, span) for span in (subject, object_))
            first, last, _ = between(*spans)
            return maxima.through(layer, window, first, last)

        return pooled


@register_pair_pooling("segments")
class SegmentPooling(PairPooling):
    """The maxima over the words before both spans, in the subject, between, in the object, and after both.

    Zeng et al. 2015, Distant Supervision for Relation Extraction via Piecewise Convolutional Neural Networks.
    Differs from the paper: five segments and not three, which end with the spans' words and not behind them;
    the encoder's words are pooled, and not the output of a convolution.
    """

    n_parts = 5

    def forward(self, text: PairText) -> Pooled:
        maxima = RangeMax(self.words(text.words))
        n_words = text.mask.sum(dim=1)

        def pooled(pairs: Tensor) -> Tensor:
            window, subject, object_ = pairs.unbind(1)
            one, other = (rows_at(text.spans, window, span) for span in (subject, object_))
            first, last, _ = between(one, other)
            start, end = torch.minimum(one, other)[:, 0], torch.maximum(one, other)[:, 1]
            segments = (
                (torch.zeros_like(start), start),
                one.unbind(1),
                (first, last),
                other.unbind(1),
                (end, n_words[window]),
            )
            return torch.cat([maxima(window, *segment) for segment in segments], dim=-1)

        return pooled
