"""Propose and refine: a pyramid of span features proposes spans, attention refines them to a set of entities.

The proposer scores every span of up to `max_width` words (`feature_pyramid.py`); the best of a window become
queries. Rounds of refinement (`modulated_attention.py`) let queries read each other and the words near their
spans. After each round a query gives the log-odds of each entity type and moves its span
(`boundary_pointer.py`); where one round stops, the next goes on. Gold spans are matched to queries one to one
(`matching.py`), so spans may nest and a query that repeats another learns to be none.

A candidate's score is the conjunction of its type and its boundaries, whose probabilities are multiplied; of
queries with the same span the best counts. Relations are scored between refined spans as the table does
(`pairs.py`): a bilinear form of the spans' words and what stands between them. It finds no qualifiers.

Source: Wen et al. 2022, End-to-End Entity Detection with Proposer and Regressor.
Differs from the paper: types are multi-label log-odds (see `losses.zlpr`) that start from the proposer's and
not classes with one for none, so that labels of several corpora can be told apart from what a corpus does not
annotate; relations; no recurrent network, part-of-speech or character features. What differs in the parts
stands in their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import softplus

from extract.decode.candidates import Candidates
from extract.encoder.pooling import span_membership
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.boundaries import log_odds_of
from extract.heads.boundary_pointer import BoundaryPointer, best_spans
from extract.heads.context import PairContext
from extract.heads.cube import TrainingSpans
from extract.heads.feature_pyramid import FeaturePyramid, pyramid_spans, span_row
from extract.heads.matching import Predictions, SpanTargets, set_losses
from extract.heads.modulated_attention import RefinementLayer
from extract.heads.pairs import pair_loss, pair_scores
from extract.heads.scorers import PRIOR, Biaffine, Projection
from extract.heads.spans import (
    candidates_of,
    no_rows,
    span_loss,
    top_spans,
    training_spans,
    triples_above,
)
from extract.schema import Schema

_NO_SPAN = -1e4  # the proposer's score of spans that are too long for it: below any score


class ProposerConfig(HeadConfig):
    """Settings of proposer and regressor."""

    width: int = Field(
        128, ge=8, le=2048, description="width of queries and of the subject and object projections"
    )
    max_width: int = Field(12, ge=1, le=64, description="words of the longest span proposed")
    n_proposals: int = Field(
        32, ge=4, le=512, description="spans refined a window; longer windows get one a word"
    )
    n_layers: int = Field(3, ge=1, le=12, description="rounds of refinement")
    n_heads: int = Field(4, ge=1, le=64, description="attention heads of each round")

    @model_validator(mode="after")
    def _heads_fit(self) -> ProposerConfig:
        if self.width % self.n_heads or self.width % 4:
            raise ValueError(
                f"expected width to be a multiple of 4 and of n_heads ({self.n_heads}), got {self.width}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the proposer says.

    scores: (batch, first words, last words, entity_types), log-odds; `_NO_SPAN` for spans that are too long.
    among: (first words, last words), which spans are not.
    spans: (batch, queries, 2), half-open; real: (batch, queries), those that are no padding come first.
    types: (batch, queries, entity_types), their scores.
    features: (batch, queries, width).
    """

    scores: Tensor
    among: Tensor
    spans: Tensor
    real: Tensor
    types: Tensor
    features: Tensor


@register_head("proposer")
class Proposer(Head):
    """Propose and refine; see the module's docstring."""

    Config = ProposerConfig
    config: ProposerConfig
    tasks: ClassVar = {
        "entities": "entities",
        "proposals": "entities",
        "boundaries": "entities",
        "pairs": "relations",
    }

    def __init__(self, config: ProposerConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        width, dropout = config.width, config.dropout
        self.dropout = nn.Dropout(dropout)
        self.pyramid = FeaturePyramid(hidden, width, config.max_width, dropout)
        scorer = nn.Linear(width, self.n_entity_types)
        nn.init.constant_(scorer.bias, PRIOR)
        self.proposal = nn.Sequential(Projection(width, width, dropout), scorer)
        self.proposing = config.model_copy(
            update={"max_spans": config.n_proposals, "span_floor": _NO_SPAN}
        )
        self.words = Projection(hidden, width, dropout)
        self.layers = nn.ModuleList(
            RefinementLayer(width, config.n_heads, dropout) for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.pointer = BoundaryPointer(width)
        self.classifier = nn.Linear(width, self.n_entity_types)
        nn.init.zeros_(self.classifier.weight)  # types start from the proposer's
        nn.init.zeros_(self.classifier.bias)
        if self.n_relations:
            self.subject = Projection(hidden, width, dropout)
            self.object = Projection(hidden, width, dropout)
            self.relation_scorer = Biaffine(width, self.n_relations)
            self.context = PairContext(hidden, width, self.n_relations, dropout)

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, each with its scorers."""
        axes: dict[str, tuple[str | None, ...]] = {
            f"{scorer}.{tensor}": ("entity_types",)
            for scorer in ("proposal.1", "classifier")
            for tensor in ("weight", "bias")
        }
        if self.n_relations:
            axes |= {
                "relation_scorer.weight": (None, "relations"),
                "relation_scorer.bias": ("relations",),
                "context.score.weight": ("relations",),
                "context.score.bias": ("relations",),
            }
        return axes

    # Scores

    def _propose(self, states: Tensor, mask: Tensor) -> Proposals:
        """The pyramid's scores of words (batch, words, hidden), and the best spans of each window."""
        batch, n_words = mask.shape
        features = self.pyramid(states)  # (batch, spans, width)
        own = pyramid_spans(n_words, self.config.max_width, mask.device)
        first, last = own[:, 0], own[:, 1] - 1
        found = self.proposal(features).float()
        scores = found.new_full((batch, n_words, n_words, self.n_entity_types), _NO_SPAN)
        scores[:, first, last] = found
        among = torch.zeros(n_words, n_words, dtype=torch.bool, device=mask.device)
        among[first, last] = True
        spans, real, types = top_spans(scores.detach(), mask, self.proposing)
        row = span_row(spans, n_words).masked_fill(~real, 0)
        window = torch.arange(batch, device=mask.device).unsqueeze(1)
        return Proposals(scores, among, spans, real, types, features[window, row])

    def _refine(self, states: Tensor, mask: Tensor, proposals: Proposals) -> list[Predictions]:
        """What each round says of the proposals; words are (batch, words, hidden)."""
        words = self.words(states)  # (batch, words, width)
        queries, spans, rounds = proposals.features, proposals.spans, []
        for layer in self.layers:
            queries = layer(queries, spans, proposals.real, words, mask)
            read = self.norm(queries)
            types = proposals.types + self.classifier(read).float()
            boundaries = self.pointer(read, spans, words, mask)
            rounds.append(Predictions(spans, proposals.real, types, boundaries))
            spans = best_spans(boundaries.detach())[0]
        return rounds

    def _entity_scores(self, found: Predictions) -> Tensor:
        """Log-odds (batch, first words, last words, entity_types), -inf where no query has its span."""
        batch, n_queries, n_types = found.types.shape
        n_words = found.boundaries.shape[-1]
        spans, boundary = best_spans(found.boundaries)
        cost = softplus(-found.types.double()) - boundary.double().unsqueeze(-1)
        scores = log_odds_of(cost).float().masked_fill(~found.real.unsqueeze(-1), float("-inf"))
        cell = spans[..., 0] * n_words + spans[..., 1] - 1  # (batch, queries)
        table = scores.new_full((batch, n_words * n_words, n_types), float("-inf"))
        cell = cell.unsqueeze(-1).expand(batch, n_queries, n_types)
        best = table.scatter_reduce(1, cell, scores, "amax")
        return best.view(batch, n_words, n_words, n_types)

    def _pair_scores(self, states: Tensor, spans: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """All pairs of real spans, and their scores by relation; see `pairs.pair_scores`."""
        member = span_membership(spans, states.shape[1], states.dtype)
        subject, object_ = member @ self.subject(states), member @ self.object(states)
        return pair_scores(
            states, spans, real, subject, object_, self.relation_scorer, self.context
        )

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Proposals, types and boundaries a word, the latter two a mean over rounds; pairs a span."""
        mask, n_words = states.mask, states.mask.sum()
        words = self.dropout(states.entities)
        proposals = self._propose(words, mask)
        rounds = self._refine(words, mask, proposals)
        targets = SpanTargets.of(gold, self.n_entity_types, mask.device)
        types, boundaries = zip(*(set_losses(found, targets) for found in rounds), strict=True)
        each = n_words * len(rounds)
        losses = {
            "entities": torch.stack(types).sum() / each,
            "proposals": span_loss(proposals.scores, mask, gold, proposals.among) / n_words,
            "boundaries": torch.stack(boundaries).sum() / each,
        }
        if self.n_relations:
            with torch.no_grad():
                likely = self._entity_scores(rounds[-1])
            rows = training_spans(likely, mask, self.config, gold)
            spans = TrainingSpans.of(rows, mask.device)
            words = self.dropout(states.relations)
            pairs, scores = self._pair_scores(words, spans.spans, spans.real)
            losses["pairs"] = (
                pair_loss(pairs, scores, spans, gold)[0] if len(pairs) else scores.sum()
            )
        return losses

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans of the last round, then triples among them."""
        proposals = self._propose(states.entities, states.mask)
        found = self._refine(states.entities, states.mask, proposals)[-1]
        spans, real, entity_scores = top_spans(self._entity_scores(found), states.mask, self.config)
        triples, scores = no_rows(4, spans.device)
        if self.n_relations and spans.shape[1]:
            pairs, found_scores = self._pair_scores(states.relations, spans, real)
            triples, scores = triples_above(pairs, found_scores, self.config.triple_floor)
        return candidates_of(spans, real, entity_scores, triples, scores)
