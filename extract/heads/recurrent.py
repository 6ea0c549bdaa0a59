"""A recurrent classifier: for each pair of spans, a bidirectional network reads the marked sentence.

Position indicators stand around the two spans, as words of their own:

    the <e1> child </e1> was wrapped into the <e2> cradle </e2> .

The span that comes first in the text is e1. A recurrent network reads the words in both directions; the two
outputs of a word are added, the maximum over all words is taken in each dimension, and a linear layer
scores every relation in both directions. A pair without a score above 0 is of the class "Other".

Source: Zhang and Wang 2015, Relation Classification via Recurrent Neural Network.
Differs from the paper: words are the states that the relations read of the fused encoder layers, which have
seen the sentence already; `fusion.name = "last"` with `layers = [0]` gives the encoder's input embeddings
instead, which know a word and its place alone, the means of a word's pieces. Cells are LSTMs
(`cell = "rnn"` for the paper's tanh network). Scores are multi-label (see `losses.zlpr`), where the paper
has a softmax over relations, directions and Other. Where no spans are given, a biaffine scorer finds them
(Yu et al. 2020, Named Entity Recognition as Dependency Parsing), and training has pairs with false ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from extract.decode.candidates import Candidates
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.cube import TrainingSpans
from extract.heads.losses import counted_labels, zlpr
from extract.heads.position_indicators import N_INDICATORS, in_text_order, marked
from extract.heads.span_filter import SpanFilter
from extract.heads.spans import candidates_of, no_rows, top_spans, training_spans, triples_above
from extract.schema import Schema

_FALSE_SPANS = 2  # a window, that enter pairs in training: each pair is a sentence to read
_PRIOR = -3.0  # most pairs are unrelated
_WORDS_A_SPAN = 4  # where a window holds more than `max_paired` spans
_CELLS = {"lstm": nn.LSTM, "rnn": nn.RNN}


class RecurrentConfig(HeadConfig):
    """Settings of the recurrent classifier."""

    cell: Literal["lstm", "rnn"] = Field("lstm", description="LSTM, or the paper's tanh network")
    width: int = Field(
        128, ge=8, le=2048, description="width of the network and of the span scorer's projections"
    )
    max_paired: int = Field(
        16,
        ge=2,
        le=512,
        description="found spans a window that enter pairs; more in windows of many words",
    )
    max_pairs: int = Field(256, ge=1, le=65536, description="pairs read at once")


@register_head("recurrent")
class RecurrentHead(Head):
    """Recurrent classifier of span pairs; see the module's docstring. It finds no qualifiers."""

    Config = RecurrentConfig
    config: RecurrentConfig
    tasks: ClassVar = {"entities": "entities", "pairs": "relations"}
    takes_spans = True

    def __init__(self, config: RecurrentConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        self.spans = SpanFilter(config, self.n_entity_types, hidden, config.width)
        self.dropout = nn.Dropout(config.dropout)
        if self.n_relations:
            self.indicators = nn.Parameter(torch.randn(N_INDICATORS, hidden) * 0.3)
            cell = _CELLS[config.cell]
            self.network = cell(hidden, config.width, batch_first=True, bidirectional=True)
            self.relation_score = nn.Linear(config.width, self.n_relations)  # e1 is the subject
            self.reversed_score = nn.Linear(config.width, self.n_relations)  # e2 is the subject
            nn.init.constant_(self.relation_score.bias, _PRIOR)
            nn.init.constant_(self.reversed_score.bias, _PRIOR)

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, each with its scorers."""
        axes: dict[str, tuple[str | None, ...]] = {
            "spans.scorer.weight": (None, "entity_types"),
            "spans.scorer.bias": ("entity_types",),
            "spans.widths.weight": (None, "entity_types"),
        }
        if self.n_relations:
            axes |= {
                f"{name}.{part}": ("relations",)
                for name in ("relation_score", "reversed_score")
                for part in ("weight", "bias")
            }
        return axes

    # Scores

    def _pair_scores(self, states: WordStates, spans: Tensor, pairs: Tensor) -> Tensor:
        """Scores (pairs, 2 * relations): e1 as the subject, then e2.

        Args:
            spans: (batch, spans, 2), half-open words.
            pairs: (pairs, 3) of window, row of e1, row of e2; at least one.
        """
        lengths = states.mask.sum(dim=1)
        words = self.dropout(states.relations.float()).flatten(0, 1)
        inputs = torch.cat([words, self.indicators])  # (batch * words + indicators, hidden)
        scores = []
        for part in pairs.split(self.config.max_pairs):
            window, first, second = part.unbind(1)
            ends = torch.cat([spans[window, first], spans[window, second]], dim=1)  # (pairs, 4)
            items = marked(ends, window, *states.mask.shape)
            scores.append(self._classified(inputs[items], lengths[window] + N_INDICATORS))
        return torch.cat(scores)

    def _classified(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """(pairs, longest, hidden), of which `lengths` (pairs,) count, to (pairs, 2 * relations)."""
        # In float32: recurrent layers are not among what autocast can do everywhere.
        with torch.autocast(sequences.device.type, enabled=False):
            packed = pack_padded_sequence(
                sequences, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            states, _ = pad_packed_sequence(
                self.network(packed)[0], batch_first=True, padding_value=float("-inf")
            )  # (pairs, longest, 2 * width)
            forward, backward = states.chunk(2, dim=-1)
            pooled = self.dropout((forward + backward).max(dim=1).values)  # (pairs, width)
            return torch.cat([self.relation_score(pooled), self.reversed_score(pooled)], dim=1)

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """All spans a word; all pairs of gold spans and a few false ones, a span."""
        scores = self.spans(states)
        losses = {"entities": self.spans.loss(scores, states.mask, gold)}
        if self.n_relations:
            rows = training_spans(scores.detach(), states.mask, self.config, gold, _FALSE_SPANS)
            spans = TrainingSpans.of(rows, scores.device)
            pairs = in_text_order(spans.spans, spans.real)
            if len(pairs):
                losses["pairs"] = self._pair_loss(states, spans, pairs, gold)
        return losses

    def _pair_loss(
        self,
        states: WordStates,
        spans: TrainingSpans,
        pairs: Tensor,
        gold: Sequence[GoldWindow],
    ) -> Tensor:
        scores = self._pair_scores(states, spans.spans, pairs)
        place = {pair: at for at, pair in enumerate(map(tuple, pairs.tolist()))}
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for row, window in enumerate(gold):
            of = spans.rows[row]
            for start, end, label, object_start, object_end in window.triples:
                subject, object_ = of[start, end], of[object_start, object_end]
                if (row, subject, object_) in place:
                    target[place[row, subject, object_], label] = True
                elif subject != object_:  # a span related to itself is no pair
                    target[place[row, object_, subject], self.n_relations + label] = True
        counted = counted_labels(
            [window.relations for window in gold], self.n_relations, scores.device
        ).repeat(1, 2)
        loss = zlpr(scores, target.to(scores.device), counted[pairs[:, 0]])
        return loss.sum() / spans.real.sum()

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, and triples of all pairs of those that are given, or are the likeliest."""
        spans, real, entity_scores = top_spans(
            self.spans(states), states.mask, self.config, given=states.given
        )
        triples, triple_scores = self._triples(states, spans, real)
        return candidates_of(spans, real, entity_scores, triples, triple_scores)

    def _triples(self, states: WordStates, spans: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span), by window, and their scores."""
        if states.given is None:
            most = (states.mask.sum(dim=1) // _WORDS_A_SPAN).clamp(min=self.config.max_paired)
            real = real & (torch.arange(real.shape[1], device=real.device) < most.unsqueeze(1))
        pairs = in_text_order(spans, real)
        if not self.n_relations or not len(pairs):
            return no_rows(4, real.device)
        scores = self._pair_scores(states, spans, pairs).view(len(pairs), 2, self.n_relations)
        both = torch.stack([pairs, pairs[:, [0, 2, 1]]], dim=1)  # (pairs, directions, 3)
        return triples_above(both.flatten(0, 1), scores.flatten(0, 1), self.config.triple_floor)
