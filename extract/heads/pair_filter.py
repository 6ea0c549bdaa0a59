"""Which pairs of entities are related at all: a light evaluation model, beside one that says how.

A table of word pairs with one score: cell (i, j) says that word i stands in a subject and word j in an object
of some triple. A pair of spans is related as far as the mean of its block is above 0. The schema therefore
has one relation, which a recipe makes of those of a corpus (`relations = "one"`). What it finds are hints
for the prompt of a large language model (`tripack extract --format pairs`), or a filter on the triples of
another model (`decode/pair_filter.py`).

Source: Ding et al. 2024, Improving Recall of Large Language Models: A Model Collaboration Approach for
Relational Triple Extraction.
Differs from the paper: the table is made by one biaffine scorer of word states, without transformer layers
of its own; all cells of a window are one multi-label problem (see `losses.zlpr`), and pairs of spans, gold
ones and the likeliest false ones, are trained as well; entities are found by a biaffine scorer trained
along (Yu et al. 2020, Named Entity Recognition as Dependency Parsing), or given.

The cells of a related pair cover those of entities nested in its spans, whether these are related or not;
for corpora with nested entities, `loss_weights` can give the cells less weight than the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.encoder.pooling import span_membership
from extract.errors import RecipeError
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.cube import TrainingSpans
from extract.heads.losses import zlpr
from extract.heads.pairs import pair_loss
from extract.heads.scorers import Biaffine, Projection
from extract.heads.span_filter import SpanFilter
from extract.heads.spans import (
    candidates_of,
    no_rows,
    span_pairs,
    top_spans,
    training_spans,
    triples_above,
)
from extract.schema import Schema


class PairFilterConfig(HeadConfig):
    """Settings of the pair filter."""

    width: int = Field(128, ge=8, le=2048, description="width of the projections")


@register_head("pair_filter")
class PairFilterHead(Head):
    """Relatedness of pairs; see the module's docstring.

    Raises `RecipeError` for a schema of several relations.
    """

    Config = PairFilterConfig
    config: PairFilterConfig
    tasks: ClassVar = {"entities": "entities", "cells": "relations", "pairs": "relations"}
    takes_spans = True
    labels_relations = False

    def __init__(self, config: PairFilterConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        if self.n_relations > 1:
            raise RecipeError(
                f"The head 'pair_filter' says whether a pair is related, not how: expected one relation, "
                f'got {self.n_relations}. Set relations = "one" in each corpus of the recipe.'
            )
        self.spans = SpanFilter(config, self.n_entity_types, hidden, config.width)
        self.dropout = nn.Dropout(config.dropout)
        if self.n_relations:
            self.subject = Projection(hidden, config.width, config.dropout)
            self.object = Projection(hidden, config.width, config.dropout)
            self.scorer = Biaffine(config.width, 1)

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and the one relation."""
        axes: dict[str, tuple[str | None, ...]] = {
            "spans.scorer.weight": (None, "entity_types"),
            "spans.scorer.bias": ("entity_types",),
            "spans.widths.weight": (None, "entity_types"),
        }
        if self.n_relations:
            axes |= {"scorer.weight": (None, "relations"), "scorer.bias": ("relations",)}
        return axes

    def _pair_scores(self, words: Tensor, spans: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """All pairs of real spans (pairs, 3), as `span_pairs` gives them, and their scores (pairs, 1).

        Args:
            words: (batch, words, hidden).
            spans: (batch, spans, 2); real: (batch, spans), which of them are no padding.
        """
        member = span_membership(spans, words.shape[1], words.dtype)
        subject, object_ = member @ self.subject(words), member @ self.object(words)
        pairs = span_pairs(real)
        return pairs, self.scorer.by_pair(subject, object_, real, pairs)

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """All spans a word; all cells a window; pairs of gold and likely spans a span."""
        scores = self.spans(states)
        losses = {"entities": self.spans.loss(scores, states.mask, gold)}
        if self.n_relations:
            words = self.dropout(states.relations)
            losses["cells"] = self._cell_loss(words, states.mask, gold)
            rows = training_spans(scores.detach(), states.mask, self.config, gold)
            spans = TrainingSpans.of(rows, scores.device)
            pairs, pair_scores = self._pair_scores(words, spans.spans, spans.real)
            if len(pairs):
                losses["pairs"], _ = pair_loss(pairs, pair_scores, spans, gold)
        return losses

    def _cell_loss(self, words: Tensor, mask: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        table = self.scorer(self.subject(words), self.object(words)).squeeze(-1)
        target = torch.zeros(table.shape, dtype=torch.bool)  # (batch, words, words)
        for row, window in enumerate(gold):
            for start, end, _, object_start, object_end in window.triples:
                target[row, start:end, object_start:object_end] = True
        annotated = torch.tensor([bool(window.relations) for window in gold], device=mask.device)
        cells = mask.unsqueeze(1) & mask.unsqueeze(2) & annotated[:, None, None]
        return zlpr(table.flatten(1), target.to(mask.device).flatten(1), cells.flatten(1)).mean()

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, and the related ones of all their pairs."""
        spans, real, entity_scores = top_spans(
            self.spans(states), states.mask, self.config, given=states.given
        )
        triples, triple_scores = no_rows(4, real.device)
        if self.n_relations and real.shape[1]:
            pairs, scores = self._pair_scores(states.relations, spans, real)
            triples, triple_scores = triples_above(pairs, scores, self.config.triple_floor)
        return candidates_of(spans, real, entity_scores, triples, triple_scores)
