"""Spans, then pairs of spans, each filtered to the likeliest and refined by attention.

Spans of at most `max_width` words are represented by their first and last word and their width. A filter
keeps the likeliest, which attend over the text and over each other (see `refinement.py`) and are scored by
type. Pairs of those that may be entities are represented by both refined spans, filtered by whether they are
related at all, refined in the same way, and scored by relation. Each filter is trained along, by a binary
loss on all items before it. In training it keeps all gold items, whatever their scores.

Source: Zaratiana et al. 2024, EnriCo: Enriched Representation and Globally Constrained Inference for Entity
and Relation Extraction.
Differs from the paper: its constrained global inference is the decoder's part here, as for every head, so
that it has no scores for types beside relations; labels are scored independently (see `losses.zlpr`) and not
by a softmax; what a corpus does not annotate trains neither filter nor scores; pairs are made of spans whose
refined score is high, in training of gold spans and a few false ones; word states are the fused
layers, those of the task at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.cube import TrainingSpans
from extract.heads.losses import any_label, any_label_loss, counted_labels, zlpr
from extract.heads.refinement import Joined, Refinement, keep_top
from extract.heads.span_filter import gold_cells, short_spans
from extract.heads.spans import (
    candidates_of,
    clear_of,
    given_cells,
    gold_pairs,
    gold_spans,
    known_spans,
    no_rows,
    span_loss,
    span_pairs,
    top_spans,
    triples_above,
)
from extract.schema import Schema

_FALSE_ENDS = 6  # spans a window that are no entity and still enter pairs in training
_WORDS_AN_END = 4  # where a window holds more than `max_ends` ends
_PRIOR = -3.0  # most spans are no entities, and most pairs are unrelated


class RefinedSpansConfig(HeadConfig):
    """Settings of filtering and refinement."""

    max_width: int = Field(12, ge=1, le=64, description="words of a span")
    max_ends: int = Field(
        32,
        ge=2,
        le=512,
        description="spans a window that enter pairs; more in windows of many words",
    )
    max_pairs: int = Field(
        64,
        ge=1,
        le=4096,
        description="pairs that are refined a window; more in windows with more spans than that",
    )
    width: int = Field(256, ge=8, le=2048, description="width of spans and pairs")
    n_heads: int = Field(4, ge=1, le=64, description="attention heads, which share the width")
    span_layers: int = Field(1, ge=1, le=12, description="refinement layers of spans")
    pair_layers: int = Field(1, ge=1, le=12, description="refinement layers of pairs")
    refine_dropout: float = Field(0.1, ge=0, lt=1, description="dropout in refinement layers")

    @model_validator(mode="after")
    def _heads_share_width(self) -> RefinedSpansConfig:
        if self.width % self.n_heads:
            raise ValueError(
                f"Expected a width that {self.n_heads} attention heads can share, got {self.width}."
            )
        return self


@dataclass(frozen=True, slots=True)
class RefinedSpans:
    """The spans of a batch that the filter kept.

    states: (batch, kept, width); place: (batch, first words, last words), the row of a kept span in them;
    kept: (batch, first words, last words); scores: (batch, first words, last words, entity_types), -inf
    for spans that are not kept.
    """

    states: Tensor
    place: Tensor
    kept: Tensor
    scores: Tensor

    def of(self, spans: Tensor) -> Tensor:
        """States (batch, spans, width) of kept spans (batch, spans, 2), half-open; padding may be any."""
        row = torch.arange(len(spans), device=spans.device).unsqueeze(1)
        return self.states[row, self.place[row, spans[..., 0], (spans[..., 1] - 1).clamp(min=0)]]


@register_head("refined_spans")
class RefinedSpansHead(Head):
    """Spans and pairs, filtered and refined; see the module's docstring. It finds no qualifiers."""

    Config = RefinedSpansConfig
    config: RefinedSpansConfig
    tasks: ClassVar = {
        "entities": "entities",
        "spans": "entities",
        "related": "relations",
        "pairs": "relations",
    }
    takes_spans = True

    def __init__(self, config: RefinedSpansConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        width, dropout = config.width, config.dropout
        self.dropout = nn.Dropout(dropout)
        self.span = Joined(hidden, width, dropout)
        self.span_width = nn.Embedding(config.max_width + 1, width)  # longer spans share the last
        nn.init.normal_(self.span_width.weight, std=0.1)
        self.span_filter = _filter(width, self.n_entity_types)
        self.refine_spans = self._refinement(hidden, config.span_layers)
        self.span_score = nn.Linear(width, self.n_entity_types)
        nn.init.constant_(self.span_score.bias, _PRIOR)
        if self.n_relations:
            self.pair = Joined(width, width, dropout)
            self.pair_filter = _filter(width, self.n_relations)
            self.refine_pairs = self._refinement(hidden, config.pair_layers)
            self.relation_score = nn.Linear(width, self.n_relations)
            nn.init.constant_(self.relation_score.bias, _PRIOR)

    def _refinement(self, hidden: int, n_layers: int) -> Refinement:
        config = self.config
        return Refinement(
            config.width,
            hidden,
            n_heads=config.n_heads,
            n_layers=n_layers,
            dropout=config.refine_dropout,
        )

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, each with its filter and its scorer."""
        kinds = {"span_filter": "entity_types", "span_score": "entity_types"}
        if self.n_relations:
            kinds |= {"pair_filter": "relations", "relation_score": "relations"}
        return {
            f"{name}.{part}": (kind,) for name, kind in kinds.items() for part in ("weight", "bias")
        }

    # Scores

    def _unrefined(self, words: Tensor, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The spans of `cells` (batch, first words, last words) before refinement.

        Returns: rows (spans, 3) of window, first word, last word; states (spans, width); the filter's
        scores (spans, entity_types).
        """
        rows = cells.nonzero()
        width = (rows[:, 2] - rows[:, 1]).clamp(max=self.config.max_width)
        items = self.span(words, rows, self.span_width(width))
        return rows, items, self.span_filter(items).float()

    def _refined(
        self,
        words: Tensor,
        mask: Tensor,
        unrefined: tuple[Tensor, Tensor, Tensor],
        must: Tensor | None = None,
    ) -> RefinedSpans:
        """The likeliest spans refined, `must` (batch, first words, last words) among them."""
        rows, items, likely = unrefined
        # As in `top_spans`, the cap grows with the window and does not depend on the batch.
        index, real = keep_top(
            rows[:, 0],
            any_label(likely.detach()),
            mask.sum(dim=1).clamp(min=self.config.max_spans),
            None if must is None else must[rows.unbind(1)],
        )
        refined = self.refine_spans(items[index], real, words, mask)  # (batch, kept, width)
        scores = self.span_score(refined[real]).float()  # (kept of all windows, entity_types)
        at = rows[index[real]].unbind(1)
        n_words = mask.shape[1]
        grid = scores.new_full((len(mask), n_words, n_words, self.n_entity_types), float("-inf"))
        place = torch.zeros_like(grid[..., 0], dtype=torch.long)
        place[at] = real.nonzero()[:, 1]
        kept = torch.zeros_like(place, dtype=torch.bool)
        kept[at] = True
        return RefinedSpans(refined, place, kept, grid.index_put(at, scores))

    def _refined_pairs(
        self,
        words: Tensor,
        mask: Tensor,
        items: Tensor,
        index: Tensor,
        real: Tensor,
    ) -> Tensor:
        """Scores (kept of all windows, relations) of pairs (pairs, width) of which `index` are kept."""
        refined = self.refine_pairs(items[index], real, words, mask)  # (batch, kept, width)
        scores: Tensor = self.relation_score(refined[real]).float()
        return scores

    def _keep_pairs(
        self, pairs: Tensor, likely: Tensor, n_spans: Tensor, must: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Those pairs of each window that are likeliest related; as `keep_top`."""
        n_kept = n_spans.clamp(min=self.config.max_pairs)
        return keep_top(pairs[:, 0], any_label(likely.detach()), n_kept, must)

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Spans, before and after the filter, a word; pairs, before and after theirs, a span."""
        mask = states.mask
        n_words = mask.sum()
        words = self.dropout(states.entities)
        must = gold_cells(gold, mask)
        unrefined = self._unrefined(words, short_spans(mask, self.config.max_width) | must)
        spans = self._refined(words, mask, unrefined, must)
        scores = spans.scores.masked_fill(~spans.kept.unsqueeze(-1), 0.0)
        losses = {
            "entities": self._span_filter_loss(unrefined, mask, gold) / n_words,
            "spans": span_loss(scores, mask, gold, spans.kept) / n_words,
        }
        if self.n_relations:
            ends = self._training_ends(spans.scores.detach(), mask, gold)
            losses |= self._pair_losses(states, spans, ends, gold)
        return losses

    def _span_filter_loss(
        self,
        unrefined: tuple[Tensor, Tensor, Tensor],
        mask: Tensor,
        gold: Sequence[GoldWindow],
    ) -> Tensor:
        """Whether each span is an entity of any type that its corpus annotates, summed."""
        rows, _, likely = unrefined
        typed = [window.entity_types for window in gold]
        # Spans of unknown type are of any type that there is.
        every = frozenset(range(self.n_entity_types))
        counted = counted_labels([t or every for t in typed], self.n_entity_types, likely.device)
        positive, negative = known_spans(mask, gold)
        at = rows.unbind(1)
        return any_label_loss(any_label(likely, counted[at[0]]), positive[at], negative[at])

    def _training_ends(
        self, scores: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> TrainingSpans:
        """Gold spans, then the likeliest false ones that share no word with them; all of them are kept.

        Where entities are given there are no false ones.
        """
        found = top_spans(scores, mask, self.config, floor=float("-inf"))[0].tolist()
        rows = []
        for window, likely in zip(gold, found, strict=True):
            own = gold_spans(window)
            n_false = 0 if window.given else _FALSE_ENDS
            rows.append(own + clear_of(own, likely)[:n_false])
        return TrainingSpans.of(rows, mask.device)

    def _pair_losses(
        self,
        states: WordStates,
        spans: RefinedSpans,
        ends: TrainingSpans,
        gold: Sequence[GoldWindow],
    ) -> dict[str, Tensor]:
        """All pairs by whether they are related, and the kept ones by relation."""
        pairs = span_pairs(ends.real)
        if not len(pairs):
            return {}
        n_spans = ends.real.sum(dim=1)
        items = self.pair(spans.of(ends.spans), pairs)  # (pairs, width)
        likely = self.pair_filter(items).float()
        target = gold_pairs(pairs, ends.rows, gold, self.n_relations)
        counted = counted_labels([w.relations for w in gold], self.n_relations, likely.device)
        counted = counted[pairs[:, 0]]
        related = target.any(dim=1)
        filter_loss = any_label_loss(any_label(likely, counted), related, ~related)
        index, real = self._keep_pairs(pairs, likely, n_spans, related)
        words = self.dropout(states.relations)
        scores = self._refined_pairs(words, states.mask, items, index, real)
        kept = index[real]
        pair_loss = zlpr(scores, target[kept], counted[kept]).sum()
        return {"related": filter_loss / n_spans.sum(), "pairs": pair_loss / n_spans.sum()}

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Refined spans above the floor, then triples among them."""
        words, mask, given = states.entities, states.mask, states.given
        must = None if given is None else given_cells(given, mask)
        cells = short_spans(mask, self.config.max_width) if must is None else must
        refined = self._refined(words, mask, self._unrefined(words, cells), must)
        spans, real, entity_scores = top_spans(refined.scores, mask, self.config, given=given)
        ends = real
        if given is None:
            rank = torch.arange(real.shape[1], device=real.device)
            n_ends = (mask.sum(dim=1) // _WORDS_AN_END).clamp(min=self.config.max_ends)
            ends = real & (rank < n_ends.unsqueeze(1))
        triples, scores = self._triples(states, refined.of(spans), ends)
        return candidates_of(spans, real, entity_scores, triples, scores)

    def _triples(self, states: WordStates, spans: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores.

        Args:
            spans: (batch, spans, width), refined.
            ends: (batch, spans), which of them enter pairs.
        """
        pairs = span_pairs(ends)
        if not self.n_relations or not len(pairs):
            return no_rows(4, ends.device)
        items = self.pair(spans, pairs)  # (pairs, width)
        likely = self.pair_filter(items).float()
        index, kept = self._keep_pairs(pairs, likely, ends.sum(dim=1))
        scores = self._refined_pairs(states.relations, states.mask, items, index, kept)
        return triples_above(pairs[index[kept]], scores, self.config.triple_floor)


def _filter(width: int, n_labels: int) -> nn.Linear:
    """A filter's scores of items by label, which sum up to the prior at first."""
    made = nn.Linear(width, n_labels)
    nn.init.constant_(made.bias, _PRIOR - math.log(n_labels))
    return made
