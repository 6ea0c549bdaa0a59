"""Table filling with a hyper-relational cube: one pass gives entities, relations and qualifiers.

Three scorers over one encoder pass:
- spans: cell (i, j), i <= j, scores each entity type for the span from word i to word j;
- table: cell (i, j) scores each relation for "word i is in its subject, word j in its object";
- cube: cell (i, j, k) scores each qualifier label for "word k is in a value that qualifies the
  pair of words (i, j)".

Pairs and triples of spans are what is trained and what is found: gold spans and the likeliest false
ones. `TableConfig.cells` trains single cells as well, as the papers do; of the cube's, only those among the
words most likely to stand in an entity. `TableConfig.cube_words_inference` prunes the cube of inference so.

Sources: Wang et al. 2021, UniRE: A Unified Label Space for Entity Relation Extraction (the table);
Chia et al. 2022, A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach (the cube and
its pruning); Yu et al. 2020, Named Entity Recognition as Dependency Parsing (span cells).
Differs from the papers: entities are scored at (first word, last word), not on diagonal blocks, so
that nested spans stay apart; cells are multi-label (see `losses.zlpr`), so that one pair may hold several
relations; the score of a pair of spans is the mean of its block, which for these bilinear scorers
is computed from span means without building the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from extract.decode.candidates import Candidates
from extract.encoder.pooling import span_membership
from extract.encoder.text import EncodedText
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.cell_states import CellStates
from extract.heads.context import PairContext
from extract.heads.cube import QualifierCube, TrainingSpans
from extract.heads.cube_pruning import likeliest_words
from extract.heads.losses import counted_labels, zlpr
from extract.heads.pairs import likely_false, pair_loss, pair_scores
from extract.heads.scored import CellScores, ScoredCells, span_cells, training_values
from extract.heads.scorers import Biaffine, Projection
from extract.heads.spans import (
    MAX_WIDTH,
    candidates_of,
    covering_scores,
    no_rows,
    span_loss,
    span_scores,
    top_spans,
    training_spans,
    triples_above,
)
from extract.schema import Schema


class TableConfig(HeadConfig):
    """Settings of the table and its cube."""

    width: int = Field(
        128, ge=8, le=2048, description="width of the start, end, subject and object projections"
    )
    cube_width: int = Field(128, ge=8, le=2048, description="width of the cube's projections")
    cells: bool = Field(
        False, description="train the cells of single words too, and not only those of spans"
    )
    cube_words: int = Field(
        20,
        ge=0,
        le=512,
        description="words a sentence whose cells enter the cube in training; 0: all",
    )
    cube_words_inference: int = Field(
        0, ge=0, le=512, description="words a sentence that enter the cube in inference; 0: all"
    )


@register_head("table")
class TableHead(Head):
    """Joint table with a cube for qualifiers; see the module's docstring."""

    Config = TableConfig
    config: TableConfig
    tasks: ClassVar = {
        "entities": "entities",
        "relations": "relations",
        "pairs": "relations",
        "qualifiers": "qualifiers",
        "values": "qualifiers",
    }
    takes_spans = True

    def __init__(self, config: TableConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        width, dropout = config.width, config.dropout
        self.dropout = nn.Dropout(dropout)
        self.start = Projection(hidden, width, dropout)
        self.last = Projection(hidden, width, dropout)
        self.span_scorer = Biaffine(width, self.n_entity_types)
        self.span_width = nn.Embedding(MAX_WIDTH + 1, self.n_entity_types)
        nn.init.zeros_(self.span_width.weight)
        self.subject = Projection(hidden, width, dropout)
        self.object = Projection(hidden, width, dropout)
        self.relation_scorer = Biaffine(width, self.n_relations)
        self.context = PairContext(hidden, width, self.n_relations, dropout)
        if self.n_qualifiers:
            self.cube = QualifierCube(
                hidden,
                self.n_relations,
                self.n_qualifiers,
                width=config.cube_width,
                dropout=dropout,
                n_words=config.cube_words,
                floor=config.triple_floor,
            )

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types, relations and qualifiers, each with its scorers."""
        axes: dict[str, tuple[str | None, ...]] = {
            "span_scorer.weight": (None, "entity_types"),
            "span_scorer.bias": ("entity_types",),
            "span_width.weight": (None, "entity_types"),
            "relation_scorer.weight": (None, "relations"),
            "relation_scorer.bias": ("relations",),
            "context.score.weight": ("relations",),
            "context.score.bias": ("relations",),
        }
        if self.n_qualifiers:
            axes |= self.cube.label_axes("cube")
        return axes

    # Scores

    def _span_scores(self, states: Tensor) -> Tensor:
        """(batch, words, hidden) to (batch, first words, last words, entity_types)."""
        return span_scores(
            self.dropout(states), self.start, self.last, self.span_scorer, self.span_width
        )

    def _cell_states(
        self, states: WordStates, words: Tensor, span_scores: Tensor
    ) -> CellStates | None:
        """What is known of the cells of the table beside their biaffine scores: here, nothing.

        Args:
            words: (batch, words, hidden), the states that relations are read from.
            span_scores: (batch, first words, last words, entity_types).
        """
        return None

    def _pair_scores(
        self,
        states: Tensor,
        spans: Tensor,
        member: Tensor,
        real: Tensor,
        text: EncodedText | None = None,
        cells: CellStates | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Scores of all pairs of real spans: the block's mean, and the context.

        Args:
            states: (batch, words, hidden).
            spans: (batch, spans, 2), half-open; member: (batch, spans, words), rows that average their words.
            real: (batch, spans).
            cells: what scores cells of words too.

        Returns: pairs (pairs, 3) of window, subject span, object span; scores (pairs, relations).
        """
        subject = member @ self.subject(states)  # (batch, spans, width)
        object_ = member @ self.object(states)
        pairs, scores = pair_scores(
            states,
            spans,
            real,
            subject,
            object_,
            self.relation_scorer,
            self.context,
            lambda features, pairs: self._informed(features, spans, pairs, text),
        )
        return pairs, scores if cells is None else scores + cells.block_scores(member, pairs)

    def _informed(
        self, features: Tensor, spans: Tensor, pairs: Tensor, text: EncodedText | None
    ) -> Tensor:
        """Features (pairs, features) of pairs, with what a further table knows of them; here, nothing."""
        return features

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Span cells a word, span pairs a span, values a pair; with `cells`, also word cells a word."""
        return self.scored_loss(states, gold)[0]

    def scored_loss(
        self, states: WordStates, gold: Sequence[GoldWindow]
    ) -> tuple[dict[str, Tensor], ScoredCells]:
        """As `loss`, with the scores of spans, pairs and values that the losses were made from."""
        n_words = states.mask.sum()
        pairs = states.mask.unsqueeze(1) & states.mask.unsqueeze(2)  # (batch, words, words)
        scores = self._span_scores(states.entities)
        losses = {"entities": span_loss(scores, states.mask, gold) / n_words}
        rows = training_spans(scores.detach(), states.mask, self.config, gold)
        spans = TrainingSpans.of(rows, scores.device)
        false_triples: list[tuple[int, int, int, int]] = []
        triples = None
        found = {"entities": span_cells(scores, states.mask)}
        if self.n_relations:
            words = self.dropout(states.relations)
            cells = self._cell_states(states, words, scores)
            if self.config.cells:
                table = self.relation_scorer(self.subject(words), self.object(words))
                table = table if cells is None else table + cells.scores()
                losses["relations"] = self._relation_loss(table, pairs, gold) / n_words
            ends, pair_scores = self._training_pairs(words, spans, states.text, cells)
            found["pairs"] = CellScores("relations", pair_scores, spans.real.sum().clamp(min=1))
            losses["pairs"], false_triples = self._pair_loss(ends, pair_scores, spans, gold)
        if self.n_qualifiers and any(window.qualifier_labels for window in gold):
            words = self.dropout(states.qualifiers)
            if self.config.cells:
                likely = word_scores(scores.detach(), states.mask)
                losses["qualifiers"] = self.cube.cell_loss(words, states.mask, likely, gold)
            losses["values"], triples, values = training_values(
                self.cube, words, spans, gold, false_triples
            )
            found |= values
        return losses, ScoredCells(spans, triples, found)

    def scores_at(self, states: WordStates, at: ScoredCells) -> dict[str, CellScores]:
        """Scores of the cells that another head of this class chose; see `ScoringHead`."""
        scores = self._span_scores(states.entities)
        found = {"entities": span_cells(scores, states.mask)}
        if "pairs" in at.cells and self.n_relations:
            words = self.dropout(states.relations)
            cells = self._cell_states(states, words, scores)
            _, pairs = self._training_pairs(words, at.spans, states.text, cells)
            found["pairs"] = CellScores("relations", pairs, at.spans.real.sum().clamp(min=1))
        if at.triples is not None and self.n_qualifiers:
            words = self.dropout(states.qualifiers)
            values = self.cube.scores_of(words, at.spans, at.triples)
            found["values"] = CellScores("qualifiers", values, len(at.triples))
        return found

    def _relation_loss(self, scores: Tensor, cells: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for row, window in enumerate(gold):
            for start, end, label, object_start, object_end in window.triples:
                target[row, start:end, object_start:object_end, label] = True
        counted = counted_labels(
            [window.relations for window in gold], self.n_relations, scores.device
        )
        loss = zlpr(scores, target.to(scores.device), counted[:, None, None])
        return (loss * cells).sum()

    def _training_pairs(
        self,
        words: Tensor,
        spans: TrainingSpans,
        text: EncodedText | None,
        cells: CellStates | None,
    ) -> tuple[Tensor, Tensor]:
        """As `_pair_scores`, of spans chosen for training."""
        member = span_membership(spans.spans, words.shape[1], words.dtype)
        return self._pair_scores(words, spans.spans, member, spans.real, text, cells)

    def _pair_loss(
        self, pairs: Tensor, scores: Tensor, spans: TrainingSpans, gold: Sequence[GoldWindow]
    ) -> tuple[Tensor, list[tuple[int, int, int, int]]]:
        """Pairs of spans scored as inference scores them; and likely false triples, the likeliest first."""
        if not len(pairs):
            return scores.sum(), []
        loss, is_gold = pair_loss(pairs, scores, spans, gold)
        return loss, likely_false(pairs, scores, is_gold, self.config.triple_floor)

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, then triples among them, then qualifiers of those triples."""
        scores = self._span_scores(states.entities)  # (batch, words, words, entity_types)
        spans, real, entity_scores = top_spans(scores, states.mask, self.config, given=states.given)
        member = span_membership(spans, states.mask.shape[1], states.relations.dtype)
        triples, triple_scores = self._triples(states, scores, spans, member, real)
        qualifiers = self._qualifiers(states, scores, spans, member, real, triples)
        return candidates_of(spans, real, entity_scores, triples, triple_scores, qualifiers)

    def _triples(
        self, states: WordStates, span_scores: Tensor, spans: Tensor, member: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores."""
        words = states.relations
        if not self.n_relations or not real.shape[1]:
            return no_rows(4, words.device)
        cells = self._cell_states(states, words, span_scores)
        pairs, scores = self._pair_scores(words, spans, member, real, states.text, cells)
        return triples_above(pairs, scores, self.config.triple_floor)

    def _qualifiers(
        self,
        states: WordStates,
        span_scores: Tensor,
        spans: Tensor,
        member: Tensor,
        real: Tensor,
        triples: Tensor,
    ) -> tuple[Tensor, Tensor] | None:
        """Rows (triple, qualifier label, value span) and their scores; None where there can be none."""
        if not self.n_qualifiers or not len(triples):
            return None
        enters = None
        if self.config.cube_words_inference:
            likely = word_scores(span_scores, states.mask)
            enters = likeliest_words(likely, states.mask, self.config.cube_words_inference)
        return self.cube.scored(states.qualifiers, spans, member, real, triples, enters)

    def qualified(self, states: WordStates, found: Sequence[Candidates]) -> list[Candidates]:
        """The spans and triples that are given, with the qualifiers that this head gives them.

        Args:
            found: candidates of each window of the batch; their own qualifiers are replaced.
        """
        device = states.mask.device
        at = TrainingSpans.of([[(s, e) for s, e in one.spans.tolist()] for one in found], device)
        rows = [np.insert(one.triples, 0, row, axis=1) for row, one in enumerate(found)]
        triples = torch.from_numpy(np.concatenate(rows)).to(device)  # (triples, 4)
        member = span_membership(at.spans, states.mask.shape[1], states.qualifiers.dtype)
        span_scores = self._span_scores(states.entities)
        qualifiers = self._qualifiers(states, span_scores, at.spans, member, at.real, triples)
        entity_scores = [torch.from_numpy(one.entity_scores) for one in found]
        triple_scores = torch.from_numpy(np.concatenate([one.triple_scores for one in found]))
        types = pad_sequence(entity_scores, batch_first=True)  # (batch, spans, entity_types)
        return candidates_of(at.spans, at.real, types, triples, triple_scores, qualifiers)


def word_scores(spans: Tensor, mask: Tensor) -> Tensor:
    """How likely each word stands in an entity: the best score of any span that covers it.

    Args:
        spans: (batch, first words, last words, entity_types).
        mask: (batch, words).

    Returns: (batch, words); -inf for padding.
    """
    return covering_scores(spans.max(dim=-1, keepdim=True).values, mask).squeeze(-1)
