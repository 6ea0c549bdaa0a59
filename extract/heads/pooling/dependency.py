"""Pair pooling over the words on the path between the spans in the dependency tree."""

from __future__ import annotations

import torch
from torch import Tensor

from extract.heads.context import RangeMax, between
from extract.heads.pooling.base import PairPooling, PairText, Pooled, register_pair_pooling
from extract.heads.pooling.trees import PathMax, Trees
from extract.heads.rows import rows_at


@register_pair_pooling("dependency")
class DependencyPooling(PairPooling):
    """The maximum of each feature over the words on the shortest path between the spans' head words.

    A span's head word is the highest of its words in the tree, the first of several. Both head words are on
    the path. Where there is none, since the window holds several sentences or a part of one, the words
    between the spans stand in.

    Nguyen et al. 2019, On the Effectiveness of the Pooling Methods for Biomedical Relation Extraction with
    Deep Learning. Differs from the paper: the encoder's words are pooled, projected to few features, and not
    the output of a convolution or a graph network.
    """

    needs_parse = True

    def forward(self, text: PairText) -> Pooled:
        if text.parents is None:
            raise ValueError(
                "Pooling 'dependency' reads parses: expected word states with `parents`, got None. "
                "Give the windower a parser."
            )
        words = self.words(text.words)
        trees = Trees(text.parents)
        heads = trees.highest(text.spans)  # (batch, spans)
        path, stretch = PathMax(words, trees), RangeMax(words)

        def pooled(pairs: Tensor) -> Tensor:
            window, subject, object_ = pairs.unbind(1)
            spans = (rows_at(text.spans, window, span) for span in (subject, object_))
            first, last, _ = between(*spans)
            best, there = path(window, heads[window, subject], heads[window, object_])
            return torch.where(there.unsqueeze(-1), best, stretch(window, first, last))

        return pooled
