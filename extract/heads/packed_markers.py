"""Packed levitated markers: spans and pairs of spans, each read by markers of its own.

Spans: neighbouring spans share a text, with a levitated pair of markers for each (neighbourhood-oriented
packing); a span is scored from its two markers and the states of its first and last word.
Pairs: each span that may be an entity is in its turn the subject, between solid markers in the text, and
all others are its objects, a levitated pair each (subject-oriented packing); a pair is scored from the
states of the solid and the levitated markers. Each relation has an inverse, which is trained on the pair
turned round; a relation's score is the mean of the two directions'.

Source: Ye et al. 2022, Packed Levitated Marker for Entity and Relation Extraction.
Differs from the paper: one encoder for spans and pairs, not two, and one training run; spans are by
default proposed by a biaffine filter on plain word states, trained along (`proposals = "all"` reads all
spans up to `max_width` words, as the paper does); scores are multi-label (see `losses.zlpr`) and made by
one hidden layer; the two directions are averaged as log-odds, not as log-probabilities; markers read the
fused layers; there is no loss on the objects' types; training pairs also has likely false spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.encoder.fusion import Fusion
from extract.encoder.markers import MarkerLayout, marker_states, pack
from extract.encoder.pretrained import PretrainedEncoder
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.cube import TrainingSpans
from extract.heads.losses import counted_labels, zlpr
from extract.heads.marked_text import (
    check_markers_work,
    n_ends,
    piece_ends,
    span_ends,
    symmetric_relations,
    turned_round,
)
from extract.heads.scorers import Projection
from extract.heads.span_filter import SpanFilter, gold_cells, short_spans
from extract.heads.spans import (
    candidates_of,
    clear_of,
    given_cells,
    gold_spans,
    no_rows,
    span_loss,
    top_spans,
    triples_above,
)
from extract.schema import Schema

_FALSE_SPANS = 16  # a window, of those that the filter finds likeliest
_FALSE_ENDS = 2  # spans a window that are no entity and still enter pairs in training
_TRAINING_SUBJECTS = 8  # a window: each costs a pass over its text, whose states training must keep
_PRIOR = -3.0  # most spans read are no entities, and most pairs are unrelated


class PackedMarkersConfig(HeadConfig):
    """Settings of packed markers."""

    proposals: Literal["filtered", "all"] = Field(
        "filtered",
        description="spans that markers read: those a filter proposes, or all short ones",
    )
    max_width: int = Field(8, ge=1, le=64, description="words of a span, where all are read")
    max_pairs: int = Field(64, ge=1, le=1024, description="levitated pairs that share one text")
    max_subjects: int = Field(
        16,
        ge=2,
        le=512,
        description="spans a window that enter pairs; more in windows of many words",
    )
    width: int = Field(128, ge=8, le=2048, description="width of the filter's projections")
    hidden: int = Field(256, ge=8, le=4096, description="width of the hidden layer of the scorers")


@register_head("packed_markers")
class PackedMarkersHead(Head):
    """Levitated markers for spans and objects, solid ones for subjects; see the module's docstring."""

    Config = PackedMarkersConfig
    config: PackedMarkersConfig
    tasks: ClassVar = {"entities": "entities", "spans": "entities", "pairs": "relations"}
    extra_pieces = 2  # a subject's solid markers
    takes_spans = True
    reads_text = True
    symmetric: Tensor  # (relations,)

    def __init__(self, config: PackedMarkersConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        dropout = config.dropout
        self.dropout = nn.Dropout(dropout)
        if config.proposals == "filtered":
            self.filter = SpanFilter(config, self.n_entity_types, hidden, config.width)
        self.span = Projection(4 * hidden, config.hidden, dropout)
        self.span_score = nn.Linear(config.hidden, self.n_entity_types)
        nn.init.constant_(self.span_score.bias, _PRIOR)
        if self.n_relations:
            self.pair = Projection(4 * hidden, config.hidden, dropout)
            self.relation_score = nn.Linear(config.hidden, self.n_relations)
            self.inverse_score = nn.Linear(config.hidden, self.n_relations)
            nn.init.constant_(self.relation_score.bias, _PRIOR)
            nn.init.constant_(self.inverse_score.bias, _PRIOR)
        self.register_buffer("symmetric", symmetric_relations(schema), persistent=False)

    def prepare(self, encoder: PretrainedEncoder, fusion: Fusion) -> None:
        """Markers start as the encoder's mask token: "what stands here?"."""
        check_markers_work("packed_markers", encoder, fusion)
        vector = encoder.mask_embedding()
        self.span_markers = nn.Parameter(vector.repeat(2, 1))  # (2, embedding)
        if self.n_relations:  # the subject's, then the object's
            self.pair_markers = nn.Parameter(vector.repeat(4, 1))  # (4, embedding)

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, each with its scorers."""
        axes: dict[str, tuple[str | None, ...]] = {
            "span_score.weight": ("entity_types",),
            "span_score.bias": ("entity_types",),
        }
        if self.config.proposals == "filtered":
            axes |= self.filter.label_axes("filter")
        if self.n_relations:
            axes |= {
                f"{name}.{part}": ("relations",)
                for name in ("relation_score", "inverse_score")
                for part in ("weight", "bias")
            }
        return axes

    # Scores

    def _span_scores(self, states: WordStates, cells: Tensor, fill: float) -> Tensor:
        """Scores of the spans in `cells` (batch, first words, last words); `fill` for all others.

        Returns: (batch, first words, last words, entity_types).
        """
        text, ends = piece_ends(states)
        window, start, last = cells.nonzero(as_tuple=True)  # neighbours stand together
        counts = cells.flatten(1).sum(dim=1)
        group, item, real = pack(counts, self.config.max_pairs)
        at = (counts.cumsum(0) - counts)[group].unsqueeze(1) + item  # rows of `window`
        spans = torch.stack([ends[0][window, start], ends[1][window, last]], dim=1)
        layout = MarkerLayout(group, spans[at], real)
        _, levitated = marker_states(text, layout, self.span_markers, "entities")
        words = states.entities
        features = [levitated[real].flatten(1), words[window, start], words[window, last]]
        joined = torch.cat(features, dim=-1)  # (spans, 4 * hidden)
        scores = self.span_score(self.span(self.dropout(joined))).float()
        grid = scores.new_full((*cells.shape, self.n_entity_types), fill)
        return grid.index_put((window, start, last), scores)

    def _pair_scores(
        self, states: WordStates, spans: Tensor, real: Tensor, subjects: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of pairs of a subject with each other span, as the subject's text shows them.

        Args:
            spans: (batch, spans, 2), half-open words.
            real: (batch, spans), which are no padding; they come first.
            subjects: (batch, spans), which of them are subjects.

        Returns: pairs (pairs, 3) of window, subject's row, object's row, sorted; scores of each relation
        and of each inverse, both (pairs, relations).
        """
        text, ends = span_ends(states, spans)
        window, subject = subjects.nonzero(as_tuple=True)
        group, item, taken = pack(real.sum(dim=1)[window] - 1, self.config.max_pairs)
        window, subject = window[group], subject[group]
        object_ = item + (item >= subject.unsqueeze(1)).long()  # no span is its own object
        object_ = object_ * taken  # padding may point anywhere
        layout = MarkerLayout(
            window, ends[window.unsqueeze(1), object_], taken, ends[window, subject].unsqueeze(1)
        )
        solid, levitated = marker_states(text, layout, self.pair_markers, "relations")
        instance, place = taken.nonzero(as_tuple=True)
        pairs = torch.stack([window[instance], subject[instance], object_[instance, place]], dim=1)
        joined = torch.cat([solid[instance], levitated[instance, place]], dim=1).flatten(1)
        features = self.pair(self.dropout(joined))  # (pairs, hidden of the scorers)
        return pairs, self.relation_score(features).float(), self.inverse_score(features).float()

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """The filter's spans a word; marked spans and pairs, both a span that is gold or taken for it."""
        mask, losses = states.mask, {}
        if self.config.proposals == "filtered":
            likely = self.filter(states)
            losses["entities"] = self.filter.loss(likely, mask, gold)
            cells = self.filter.proposed_in_training(likely, mask, gold, _FALSE_SPANS)
        else:
            cells = short_spans(mask, self.config.max_width) | gold_cells(gold, mask)
        scores = self._span_scores(states, cells, 0.0)
        found = scores.detach().masked_fill(~cells.unsqueeze(-1), float("-inf"))
        spans, subjects = self._training_ends(found, mask, gold)
        n_spans = spans.real.sum(dim=1)
        losses["spans"] = span_loss(scores, mask, gold, cells) / n_spans.sum().clamp(min=1)
        if self.n_relations and bool((subjects.sum(dim=1) * (n_spans - 1)).sum()):
            losses["pairs"] = self._pair_loss(states, spans, subjects, gold)
        return losses

    def _training_ends(
        self, scores: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> tuple[TrainingSpans, Tensor]:
        """Gold spans, ends of triples first, then false ones that inference would also meet: none where
        entities are given.

        Returns: the spans; which of them are subjects (batch, spans), the first few.
        """
        found = top_spans(scores, mask, self.config)[0].tolist()
        rows = []
        for row, window in enumerate(gold):
            ends = {end for s, e, _, o, f in window.triples for end in ((s, e), (o, f))}
            own = sorted(gold_spans(window), key=lambda span: span not in ends)
            n_false = 0 if window.given else _FALSE_ENDS
            rows.append(own + clear_of(own, found[row])[:n_false])
        spans = TrainingSpans.of(rows, mask.device)
        rank = torch.arange(spans.real.shape[1], device=mask.device)
        return spans, spans.real & (rank < min(_TRAINING_SUBJECTS, self.config.max_subjects))

    def _pair_loss(
        self,
        states: WordStates,
        spans: TrainingSpans,
        subjects: Tensor,
        gold: Sequence[GoldWindow],
    ) -> Tensor:
        """Every pair counts with all relations and all inverses of those that are not symmetric."""
        pairs, *both = self._pair_scores(states, spans.spans, spans.real, subjects)
        scores = torch.cat(both, dim=1)  # (pairs, 2 * relations)
        place = {pair: at for at, pair in enumerate(map(tuple, pairs.tolist()))}
        target = torch.zeros(scores.shape, dtype=torch.bool)
        symmetric = self.symmetric.tolist()
        for row, window in enumerate(gold):
            of = spans.rows[row]
            for start, end, label, object_start, object_end in window.triples:
                ends = of[start, end], of[object_start, object_end]
                turned = label if symmetric[label] else self.n_relations + label
                for at, column in (((row, *ends), label), ((row, *ends[::-1]), turned)):
                    if at in place:  # a span related to itself is no pair
                        target[place[at], column] = True
        counted = counted_labels(
            [window.relations for window in gold], self.n_relations, scores.device
        )
        counted = torch.cat([counted, counted & ~self.symmetric], dim=1)
        loss = zlpr(scores, target.to(scores.device), counted[pairs[:, 0]])
        return loss.sum() / spans.real.sum()

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Proposed spans read by markers, then triples among the likeliest of them."""
        mask = states.mask
        if states.given is not None:
            cells = given_cells(states.given, mask)
        elif self.config.proposals == "filtered":
            cells = self.filter.proposed(self.filter(states), mask)
        else:
            cells = short_spans(mask, self.config.max_width)
        scores = self._span_scores(states, cells, float("-inf"))
        spans, real, entity_scores = top_spans(scores, mask, self.config, given=states.given)
        triples, triple_scores = self._triples(states, spans, real)
        return candidates_of(spans, real, entity_scores, triples, triple_scores)

    def _triples(self, states: WordStates, spans: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores."""
        rank = torch.arange(real.shape[1], device=real.device)
        real = real & (rank < n_ends(states.mask, self.config.max_subjects).unsqueeze(1))
        if not self.n_relations or not bool((real.sum(dim=1) > 1).any()):
            return no_rows(4, real.device)
        pairs, relation, inverse = self._pair_scores(states, spans, real, real)
        turned = turned_round(pairs, real)
        scores = (relation + torch.where(self.symmetric, relation, inverse)[turned]) / 2
        return triples_above(pairs, scores, self.config.triple_floor)
