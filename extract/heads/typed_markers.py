"""Typed markers: entities first, then each pair of them read between markers that name its types.

Spans are scored from their first and last word and their width. Then each ordered pair of candidates gets
four markers, <S:type> and </S:type> at the subject, <O:type> and </O:type> at the object, and its relations
are scored from the states of the two that open. The types are gold ones in training, else the likeliest.
`mode = "inserted"` is the full model: each pair has a text of its own, with the markers in it.
`mode = "tied"` is the approximation in one pass: the markers of many pairs stand behind one text, at the
positions of the first and last pieces of their spans. The text does not see them; the four of a pair see
the text and each other. Both modes have the same weights. Context around the sentence is the encoder's
setting `context_words`.

Source: Zhong and Chen 2021, A Frustratingly Easy Approach for Entity and Relation Extraction.
Differs from the paper: one encoder for both tasks, trained at once, where the paper finds that two do
better; spans are scored by a biaffine form and a score for the width, not by a feedforward network on both
ends and an embedding of the width; scores are multi-label (see `losses.zlpr`); states are those of the fused
layers; training pairs also has false spans of the likeliest type, and bounds the pairs of a window, chosen
by chance but for related ones; spans whose type is not annotated, and some by chance, have markers of an
unknown type; relations that hold both ways score the mean of both pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.encoder.fusion import Fusion
from extract.encoder.markers import MarkerLayout, marker_passes, pack
from extract.encoder.pretrained import PretrainedEncoder
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.cube import TrainingSpans
from extract.heads.losses import counted_labels, zlpr
from extract.heads.marked_text import (
    check_markers_work,
    n_ends,
    span_ends,
    symmetric_relations,
    turned_round,
)
from extract.heads.scorers import Projection
from extract.heads.span_filter import SpanFilter
from extract.heads.spans import (
    candidates_of,
    gold_spans,
    no_rows,
    span_pairs,
    top_spans,
    training_spans,
    triples_above,
)
from extract.schema import Schema

_FALSE_ENDS = 2  # spans a window that are no entity and still enter pairs in training
_PRIOR = -3.0  # most pairs are unrelated
_ROLES = 4  # the subject's opening and closing marker, then the object's
_OPENING = [0, 2]  # those whose states are read
UNKNOWN = -1  # in place of an entity type


class TypedMarkersConfig(HeadConfig):
    """Settings of typed markers."""

    mode: Literal["tied", "inserted"] = Field(
        "tied", description="markers behind a text that many pairs share, or in a text a pair"
    )
    max_pairs: int = Field(64, ge=1, le=1024, description="pairs whose tied markers share one text")
    pieces_at_once: int = (
        Field(  # texts differ in their pairs: the more are read at once, the more is padded
            1024, ge=64, description="pieces of marked texts, markers included, read in one pass"
        )
    )
    max_ends: int = Field(
        16,
        ge=2,
        le=512,
        description="spans a window that enter pairs; more in windows of many words",
    )
    training_pairs: int = Field(
        32, ge=2, le=4096, description="pairs a window in training, whose states it must keep"
    )
    hidden_types: float = Field(
        0.1, ge=0, le=1, description="share of spans in training whose markers do not name the type"
    )
    width: int = Field(128, ge=8, le=2048, description="width of the span scorer's projections")
    hidden: int = Field(256, ge=8, le=4096, description="width of the pair scorer's hidden layer")


@register_head("typed_markers")
class TypedMarkersHead(Head):
    """Spans, then pairs between typed markers; see the module's docstring. It finds no qualifiers."""

    Config = TypedMarkersConfig
    config: TypedMarkersConfig
    tasks: ClassVar = {"entities": "entities", "pairs": "relations"}
    extra_pieces = (
        _ROLES  # where inserted; the same for both modes, so that they read the same windows
    )
    takes_spans = True
    reads_text = True
    symmetric: Tensor  # (relations,)

    def __init__(self, config: TypedMarkersConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.spans = SpanFilter(config, self.n_entity_types, hidden, config.width)
        if self.n_relations:
            self.pair = Projection(2 * hidden, config.hidden, config.dropout)
            self.relation_score = nn.Linear(config.hidden, self.n_relations)
            nn.init.constant_(self.relation_score.bias, _PRIOR)
        self.register_buffer("symmetric", symmetric_relations(schema), persistent=False)

    def prepare(self, encoder: PretrainedEncoder, fusion: Fusion) -> None:
        """Markers start as the encoder's mask token: "what stands here?"."""
        check_markers_work("typed_markers", encoder, fusion)
        if self.n_relations:
            vector = encoder.mask_embedding()
            # (entity_types, roles, embedding)
            self.type_markers = nn.Parameter(vector.repeat(self.n_entity_types, _ROLES, 1))
            self.unknown_markers = nn.Parameter(vector.repeat(_ROLES, 1))

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, with their markers and scorers."""
        axes = self.spans.label_axes("spans")
        if self.n_relations:
            axes |= {
                "type_markers": ("entity_types",),
                "relation_score.weight": ("relations",),
                "relation_score.bias": ("relations",),
            }
        return axes

    # Scores

    def _layout(self, ends: Tensor, types: Tensor, pairs: Tensor) -> MarkerLayout:
        """Where the markers of pairs stand, and which they are.

        Args:
            ends: (batch, spans, 2), first and last pieces.
            types: (batch, spans), or UNKNOWN.
            pairs: (pairs, 3) of window, subject span, object span; ascending.
        """
        window, both = pairs[:, 0], pairs[:, 1:]
        pieces = ends[window.unsqueeze(1), both]  # (pairs, 2, 2)
        of_type = types[window.unsqueeze(1), both] % (self.n_entity_types + 1)  # unknown comes last
        roles = torch.arange(_ROLES, device=pairs.device).view(2, 2)
        kinds = _ROLES * of_type.unsqueeze(2) + roles  # (pairs, 2, 2)
        if self.config.mode == "inserted":
            none = kinds[:, :0]  # (pairs, 0 groups, 2)
            return MarkerLayout(window, none, none[..., 0].bool(), pieces, solid_kinds=kinds)
        counts = torch.bincount(window, minlength=len(ends))
        group, item, real = pack(counts, self.config.max_pairs)
        at = (counts.cumsum(0) - counts)[group].unsqueeze(1) + item  # (instances, groups): the pair
        return MarkerLayout(group, pieces.flatten(1)[at], real, kinds=kinds.flatten(1)[at])

    def _pair_scores(
        self, states: WordStates, spans: Tensor, types: Tensor, pairs: Tensor
    ) -> Tensor:
        """Scores of pairs between their markers, (pairs, relations), a pass of the encoder at a time.

        Args:
            spans: (batch, spans, 2), half-open words.
            types, pairs: as `_layout` takes them.
        """
        text, ends = span_ends(states, spans)
        layout = self._layout(ends, types, pairs)
        vectors = torch.cat([self.type_markers.flatten(0, 1), self.unknown_markers])
        # Groups hold the pairs in order: (instances, groups), the row of each in `pairs`.
        number = layout.real.flatten().cumsum(0).view_as(layout.real) - 1
        rows, scores = [], []
        for read in marker_passes(text, layout, vectors, "relations", self.config.pieces_at_once):
            if self.config.mode == "inserted":
                of_pair, row = read.solid, read.at
            else:
                real = read.layout.real
                of_pair, row = read.levitated[real], number[read.at, : real.shape[1]][real]
            opening = of_pair[:, _OPENING].flatten(1)  # (pairs of the pass, 2 * hidden)
            rows.append(row)
            scores.append(self.relation_score(self.pair(self.dropout(opening))).float())
        return torch.cat(scores)[torch.cat(rows).argsort()]

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """All spans a word; some pairs of gold spans, and of those taken for such, a span."""
        mask = states.mask
        scores = self.spans(states)
        losses = {"entities": self.spans.loss(scores, mask, gold)}
        if not self.n_relations:
            return losses
        found = scores.detach()
        spans = self._training_ends(found, mask, gold)
        target = self._related(spans, gold)
        pairs = self._training_pairs(spans, target, gold)
        if len(pairs):
            types = self._training_types(found, spans, gold)
            of_pairs = self._pair_scores(states, spans.spans, types, pairs)
            counted = counted_labels([w.relations for w in gold], self.n_relations, mask.device)
            window = pairs[:, 0]
            loss = zlpr(of_pairs, target[pairs.unbind(1)], counted[window])
            losses["pairs"] = loss.sum() / spans.real[window.unique()].sum()
        return losses

    def _training_ends(
        self, scores: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> TrainingSpans:
        """Gold spans and a few false ones that inference would also meet."""
        rows = training_spans(scores, mask, self.config, gold)
        few = [row[: len(gold_spans(w)) + _FALSE_ENDS] for row, w in zip(rows, gold, strict=True)]
        return TrainingSpans.of(few, mask.device)

    def _related(self, spans: TrainingSpans, gold: Sequence[GoldWindow]) -> Tensor:
        """What holds between spans: (batch, spans, spans, relations), bool."""
        n_spans = spans.real.shape[1]
        target = torch.zeros(len(gold), n_spans, n_spans, self.n_relations, dtype=torch.bool)
        for row, window in enumerate(gold):
            of = spans.rows[row]
            for start, end, label, object_start, object_end in window.triples:
                target[row, of[start, end], of[object_start, object_end], label] = True
        target = target.to(spans.real.device)
        return target | (target.transpose(1, 2) & self.symmetric)

    def _training_pairs(
        self, spans: TrainingSpans, target: Tensor, gold: Sequence[GoldWindow]
    ) -> Tensor:
        """At most `training_pairs` of each window: related ones, either way round, then others by chance.

        A window whose corpus annotates no relations has none.

        Returns: (pairs, 3) of window, subject span, object span; ascending.
        """
        taught = torch.tensor([bool(w.relations) for w in gold], device=spans.real.device)
        pairs = span_pairs(spans.real & taught.unsqueeze(1))
        related = target.any(dim=3)
        first = (related | related.transpose(1, 2))[pairs.unbind(1)]
        window = pairs[:, 0]
        chance = torch.rand(len(pairs), device=pairs.device, dtype=torch.float64)
        order = (3 * window - first.double() - chance).argsort()  # by window, then the chosen first
        counts = torch.bincount(window, minlength=len(gold))
        rank = torch.arange(len(pairs), device=pairs.device) - (counts.cumsum(0) - counts)[window]
        return pairs[order[rank < self.config.training_pairs].sort().values]

    def _training_types(
        self, scores: Tensor, spans: TrainingSpans, gold: Sequence[GoldWindow]
    ) -> Tensor:
        """Types that markers name, (batch, spans): of gold spans what is annotated, of others the likeliest.

        Args:
            scores: (batch, first words, last words, entity_types), detached.
        """
        start, end = spans.spans.unbind(2)
        row = torch.arange(len(start), device=start.device).unsqueeze(1)
        types = scores[row, start, (end - 1).clamp(min=0)].argmax(dim=2)
        annotated = torch.full(types.shape, UNKNOWN)
        own = torch.zeros(types.shape, dtype=torch.bool)
        for at, window in enumerate(gold):
            own[at, [spans.rows[at][span] for span in gold_spans(window)]] = True
            for first, behind, label in window.entities:
                place = at, spans.rows[at][first, behind]
                annotated[place] = max(label, int(annotated[place]))
        types = torch.where(own.to(types.device), annotated.to(types.device), types)
        hidden = torch.rand(types.shape, device=types.device) < self.config.hidden_types
        return types.masked_fill(hidden, UNKNOWN)

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, then triples among the likeliest of them, or among all that are given."""
        scores = self.spans(states)
        spans, real, entity_scores = top_spans(scores, states.mask, self.config, given=states.given)
        ends = real
        if states.given is None:
            rank = torch.arange(real.shape[1], device=real.device)
            ends = real & (rank < n_ends(states.mask, self.config.max_ends).unsqueeze(1))
        types = entity_scores.argmax(dim=2)
        triples, triple_scores = self._triples(states, spans, types, ends)
        return candidates_of(spans, real, entity_scores, triples, triple_scores)

    def _triples(
        self, states: WordStates, spans: Tensor, types: Tensor, ends: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores."""
        pairs = span_pairs(ends)
        if not self.n_relations or not len(pairs):
            return no_rows(4, ends.device)
        scores = self._pair_scores(states, spans, types, pairs)
        both = (scores + scores[turned_round(pairs, ends)]) / 2
        return triples_above(
            pairs, torch.where(self.symmetric, both, scores), self.config.triple_floor
        )
