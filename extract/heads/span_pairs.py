"""Spans are classified, then pairs of spans; how words become the vector of either is a setting.

A filter proposes spans. A span's vector is the pooling of its words (`span_pooling`) beside an embedding of
its width; a hidden layer classifies it. A pair is classified from its two spans' vectors and from a pooling
of the words around them (`pair_pooling`), by a hidden layer on all three side by side. The poolings stand
in `heads/pooling/`. Qualifiers are found by the cube of the table heads (`cube.py`).

Source: Eberts and Ulges 2020, Span-based Joint Entity and Relation Extraction with Transformer Pre-training
(SpERT).
Differs from the paper: a biaffine filter, trained along, proposes spans in training and inference, where
the paper draws random ones for training and reads all up to ten words; there is a hidden layer below either
classifier, the order of the spans is embedded, and the sentence's [CLS] vector is not read; spans are
multi-label (see `losses.zlpr`) and false pairs are those of gold and of likely false spans; the paper knows
no qualifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn.functional import gelu

from extract.decode.candidates import Candidates
from extract.encoder.parses import PIPELINE
from extract.encoder.pooling import span_membership
from extract.errors import one_of
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.context import between
from extract.heads.cube import QualifierCube, TrainingSpans
from extract.heads.pairs import likely_false, pair_loss
from extract.heads.pooling import PAIR_POOLINGS, SPAN_POOLINGS, PairPooling, PairText, Pooled
from extract.heads.rows import rows_at
from extract.heads.scored import CellScores, ScoredCells, span_cells, training_values
from extract.heads.scorers import Projection
from extract.heads.span_filter import SpanFilter, as_cells
from extract.heads.spans import (
    MAX_WIDTH,
    candidates_of,
    given_cells,
    no_rows,
    span_loss,
    span_pairs,
    top_spans,
    training_spans,
    triples_above,
)
from extract.schema import Schema

_FALSE_SPANS = 32  # a window, of those that the filter finds likeliest
_WIDTH_FEATURES = 25  # as many as in the paper
_PRIOR = -3.0  # most spans read are no entities, and most pairs are unrelated
_PAIRS_AT_ONCE = 8192  # so that memory does not grow with the square of a long window's spans


class SpanPairsConfig(HeadConfig):
    """Settings of span and pair classification."""

    span_pooling: str = Field("endpoints", description="registered name: words to a span's vector")
    pair_pooling: str = Field("between", description="registered name: words around a pair")
    parser: str = Field(PIPELINE, description="spaCy pipeline, for poolings that read parses")
    width: int = Field(128, ge=8, le=2048, description="width of the filter's projections")
    features: int = Field(128, ge=8, le=2048, description="width of words that pairs pool")
    hidden: int = Field(256, ge=8, le=4096, description="width of the classifiers' hidden layers")
    cube_width: int = Field(128, ge=8, le=2048, description="width of the cube's projections")

    @field_validator("span_pooling")
    @classmethod
    def _known_span_pooling(cls, name: str) -> str:
        if name not in SPAN_POOLINGS:
            raise ValueError(one_of("span pooling", name, list(SPAN_POOLINGS)))
        return name

    @field_validator("pair_pooling")
    @classmethod
    def _known_pair_pooling(cls, name: str) -> str:
        if name not in PAIR_POOLINGS:
            raise ValueError(one_of("pair pooling", name, list(PAIR_POOLINGS)))
        return name


@register_head("span_pairs")
class SpanPairsHead(Head):
    """Span and pair classification by pooled words; see the module's docstring."""

    Config = SpanPairsConfig
    config: SpanPairsConfig
    tasks: ClassVar = {
        "entities": "entities",
        "spans": "entities",
        "pairs": "relations",
        "values": "qualifiers",
    }
    takes_spans = True

    def __init__(self, config: SpanPairsConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.filter = SpanFilter(config, self.n_entity_types, hidden, config.width)
        self.entities = SpanVectors(config.span_pooling, hidden)
        self.span = Projection(self.entities.width, config.hidden, config.dropout)
        self.span_score = nn.Linear(config.hidden, self.n_entity_types)
        nn.init.constant_(self.span_score.bias, _PRIOR)
        if self.n_relations:
            self.ends = SpanVectors(config.span_pooling, hidden)
            pooling = PAIR_POOLINGS[config.pair_pooling]
            self.pairs = PairClassifier(
                pooling(hidden, self.ends.width, config.features, config.dropout),
                self.ends.width,
                config.hidden,
                self.n_relations,
                config.dropout,
            )
            self.parser = config.parser if pooling.needs_parse else None
        if self.n_qualifiers:
            self.cube = QualifierCube(
                hidden,
                self.n_relations,
                self.n_qualifiers,
                width=config.cube_width,
                dropout=config.dropout,
                n_words=0,
                floor=config.triple_floor,
            )

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types, relations and qualifiers, each with its scorers."""
        axes = self.filter.label_axes("filter") | {
            "span_score.weight": ("entity_types",),
            "span_score.bias": ("entity_types",),
        }
        if self.n_qualifiers:
            axes |= self.cube.label_axes("cube")
        if self.n_relations:
            axes |= {
                "pairs.score.weight": ("relations",),
                "pairs.score.bias": ("relations",),
            }
        return axes

    # Scores

    def _span_scores(self, states: WordStates, cells: Tensor, fill: float) -> Tensor:
        """Scores of the spans in `cells` (batch, first words, last words); `fill` for all others.

        Returns: (batch, first words, last words, entity_types).
        """
        window, start, last = cells.nonzero(as_tuple=True)
        spans = torch.stack([start, last + 1], dim=1)
        vectors = self.entities(self.dropout(states.entities), window, spans)
        scores = self.span_score(self.span(vectors)).float()
        grid = scores.new_full((*cells.shape, self.n_entity_types), fill)
        return grid.index_put((window, start, last), scores)

    def _pair_scores(
        self, states: WordStates, spans: Tensor, real: Tensor, pairs: Tensor
    ) -> Tensor:
        """Scores (pairs, relations) of all pairs of real spans, as `span_pairs` lists them.

        Args:
            spans: (batch, spans, 2), half-open; real: (batch, spans), which are no padding.
        """
        words = self.dropout(states.relations)
        window = real.nonzero()[:, 0]
        vectors = self.ends(words, window, spans[real])  # (real spans, span width)
        represented = vectors.new_zeros(*real.shape, vectors.shape[-1])
        represented = represented.masked_scatter(real.unsqueeze(-1), vectors)
        classified: Pooled = self.pairs(
            PairText(words, states.mask, spans, represented, states.parents)
        )
        return torch.cat([classified(some) for some in pairs.split(_PAIRS_AT_ONCE)])

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """The filter's spans a word; classified spans and pairs, both a span that is gold or taken for it;
        values a triple."""
        return self.scored_loss(states, gold)[0]

    def scored_loss(
        self, states: WordStates, gold: Sequence[GoldWindow]
    ) -> tuple[dict[str, Tensor], ScoredCells]:
        """As `loss`, with scores of the filter's spans, of spans in pairs, of pairs and of values."""
        mask = states.mask
        likely = self.filter(states)
        losses = {"entities": self.filter.loss(likely, mask, gold)}
        cells = self.filter.proposed_in_training(likely, mask, gold, _FALSE_SPANS)
        scores = self._span_scores(states, cells, 0.0)
        found = scores.detach().masked_fill(~cells.unsqueeze(-1), float("-inf"))
        rows = training_spans(found, mask, self.config, gold)
        spans = TrainingSpans.of(rows, mask.device)
        n_spans = spans.real.sum().clamp(min=1)
        losses["spans"] = span_loss(scores, mask, gold, cells) / n_spans
        told = {
            "entities": span_cells(likely, mask),
            "spans": CellScores("entity_types", _at_spans(scores, spans), n_spans),
        }
        pairs = span_pairs(spans.real)
        false_triples: list[tuple[int, int, int, int]] = []
        if self.n_relations and len(pairs):
            of_pairs = self._pair_scores(states, spans.spans, spans.real, pairs)
            told["pairs"] = CellScores("relations", of_pairs, n_spans)
            losses["pairs"], is_gold = pair_loss(pairs, of_pairs, spans, gold)
            false_triples = likely_false(pairs, of_pairs, is_gold, self.config.triple_floor)
        triples = None
        if self.n_qualifiers and any(window.qualifier_labels for window in gold):
            words = self.dropout(states.qualifiers)
            losses["values"], triples, values = training_values(
                self.cube, words, spans, gold, false_triples
            )
            told |= values
        return losses, ScoredCells(spans, triples, told)

    def scores_at(self, states: WordStates, at: ScoredCells) -> dict[str, CellScores]:
        """Scores of the cells that another head of this class chose; see `ScoringHead`."""
        spans = at.spans
        n_spans = spans.real.sum().clamp(min=1)
        cells = as_cells(spans.spans, spans.real, states.mask.shape[1])
        told = {
            "entities": span_cells(self.filter(states), states.mask),
            "spans": CellScores(
                "entity_types", _at_spans(self._span_scores(states, cells, 0.0), spans), n_spans
            ),
        }
        if "pairs" in at.cells and self.n_relations:
            pairs = self._pair_scores(states, spans.spans, spans.real, span_pairs(spans.real))
            told["pairs"] = CellScores("relations", pairs, n_spans)
        if at.triples is not None and self.n_qualifiers:
            words = self.dropout(states.qualifiers)
            values = self.cube.scores_of(words, spans, at.triples)
            told["values"] = CellScores("qualifiers", values, len(at.triples))
        return told

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Proposed or given spans, classified, then triples among the likeliest of them, then values."""
        mask, given = states.mask, states.given
        if given is not None:
            cells = given_cells(given, mask)
        else:
            likely = self.filter(states)
            cells = self.filter.proposed(likely, mask)
        scores = self._span_scores(states, cells, float("-inf"))
        spans, real, entity_scores = top_spans(scores, mask, self.config, given=given)
        triples, triple_scores = self._triples(states, spans, real)
        qualifiers = None
        if self.n_qualifiers and len(triples):
            member = span_membership(spans, mask.shape[1], states.qualifiers.dtype)
            qualifiers = self.cube.scored(states.qualifiers, spans, member, real, triples)
        return candidates_of(spans, real, entity_scores, triples, triple_scores, qualifiers)

    def _triples(self, states: WordStates, spans: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores."""
        pairs = span_pairs(real)
        if not self.n_relations or not len(pairs):
            return no_rows(4, real.device)
        scores = self._pair_scores(states, spans, real, pairs)
        return triples_above(pairs, scores, self.config.triple_floor)


def _at_spans(grid: Tensor, spans: TrainingSpans) -> Tensor:
    """Of scores (batch, first words, last words, labels), those of the real spans: (spans, labels)."""
    window, row = spans.real.nonzero(as_tuple=True)
    start, end = spans.spans[window, row].unbind(1)
    return grid[window, start, end - 1]


class SpanVectors(nn.Module):
    """Vectors of spans: their pooled words beside an embedding of their width.

    Args:
        pooling: registered name of a span pooling.
        hidden: width of word states.
    """

    def __init__(self, pooling: str, hidden: int) -> None:
        super().__init__()
        self.pooling = SPAN_POOLINGS[pooling](hidden)
        self.widths = nn.Embedding(MAX_WIDTH, _WIDTH_FEATURES)
        self.width = self.pooling.width + _WIDTH_FEATURES

    def forward(self, words: Tensor, window: Tensor, spans: Tensor) -> Tensor:
        """(spans, width) from words (batch, words, hidden), windows (spans,) and spans (spans, 2)."""
        n_words = (spans[:, 1] - spans[:, 0]).clamp(max=MAX_WIDTH)
        pooled = self.pooling(words, window, spans)
        return torch.cat([pooled, self.widths(n_words - 1).to(pooled.dtype)], dim=-1)


class PairClassifier(nn.Module):
    """Scores of pairs: one hidden layer on subject, object and the words around them, side by side.

    The layer's product with the three side by side is made as a sum of three, those with spans once a span.

    Args:
        pooling: of the words around a pair.
        span_width: width of the spans' vectors.
        hidden: width of the hidden layer.
        n_labels: relations.
    """

    def __init__(
        self, pooling: PairPooling, span_width: int, hidden: int, n_labels: int, dropout: float
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.subject = nn.Linear(span_width, hidden)
        self.object = nn.Linear(span_width, hidden, bias=False)
        if pooling.width:
            self.around = nn.Linear(pooling.width, hidden, bias=False)
        self.order = nn.Embedding(3, hidden)  # subject first, object first, overlapping
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(hidden, n_labels)
        nn.init.constant_(self.score.bias, _PRIOR)

    def forward(self, text: PairText) -> Pooled:
        """A function from pairs (pairs, 3) of window, subject and object span to (pairs, labels)."""
        real = text.spans[..., 1] > 0
        place = real.flatten().cumsum(0).view_as(real) - 1  # of each real span among them
        vectors = text.represented[real]
        subject, object_ = self.subject(vectors), self.object(vectors)  # (real spans, hidden)
        around = self.pooling.through(text, self.around) if self.pooling.width else None

        def scores(pairs: Tensor) -> Tensor:
            window, left, right = pairs.unbind(1)
            features = subject.index_select(0, place[window, left])
            features += object_.index_select(0, place[window, right])
            if around is not None:
                features += around(pairs)
            *_, order = between(
                rows_at(text.spans, window, left), rows_at(text.spans, window, right)
            )
            features += self.order(order).to(features.dtype)
            scored: Tensor = self.score(self.dropout(gelu(features)))
            return scored.float()

        return scores
