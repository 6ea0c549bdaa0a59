"""Handshaking tagging: entities and relations as links between pairs of words, in one pass.

Cells are pairs of words (i, j), i <= j. On them stand, for each entity type, a link from a span's first
to its last word, and for each relation a link between the first words of subject and object and one
between their last words, either of which may be reversed. Overlapping and nested spans, several
relations of one pair and spans in many triples all come out; `handshaking.py` says what does not.

Two taggings (`TokenPairConfig.tagging`):
- softmax (TPLinker): each cell has one tag of {none, link, reversed} for each relation and end.
- multi_label (TPLinkerPlus, of the authors' published code): all links of a cell are labels of one
  multi-label problem, so that a link and its reverse may stand on the same cell.

Two scorers of a cell (`TokenPairConfig.scorer`), both linear in a representation h_ij of the pair:
- concat: h_ij = tanh(W [h_i; h_j] + b), as in the paper.
- low_rank: h_ij = (U h_i + c) * (V h_j + d): w^T h_ij is a bilinear form of rank `width`, whose factors all
  tags share, with terms linear in either word. `WordPairScorer` says how the two are related.

Source: Wang et al. 2020, TPLinker: Single-stage Joint Extraction of Entities and Relations Through Token
Pair Linking; the multi-label loss is that of Su et al. 2022, ZLPR: A Novel Loss for Multi-label
Classification.
Differs from the paper: entities have types, so that there is an entity link for each; entity and
relation links read states of their own and are trained as tasks of their own, the entity links of a cell
under one multi-label loss (with one type: the paper's), also where relation links share a softmax; the
score of none is fixed; pairs have a width of their own in place of the encoder's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear

from extract.decode.candidates import Candidates
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.handshaking import (
    DIRECTIONS,
    ENDS,
    link_targets,
    multi_label_loss,
    softmax_log_odds,
    softmax_loss,
    triple_scores,
    upper_cells,
)
from extract.heads.scorers import PRIOR
from extract.heads.spans import candidates_of, no_rows, span_loss, top_spans, triples_above
from extract.schema import Schema


class TokenPairConfig(HeadConfig):
    """Settings of handshaking tagging."""

    tagging: Literal["softmax", "multi_label"] = Field(
        "multi_label", description="one tag a relation, end and cell; or any of them (TPLinkerPlus)"
    )
    scorer: Literal["concat", "low_rank"] = Field(
        "low_rank", description="how two words become a pair: tanh of a sum, or a product"
    )
    width: int = Field(
        128, ge=8, le=2048, description="width of a pair; the rank of the low-rank scorer"
    )


class WordPairScorer(nn.Module):
    """Scores of the tags of word pairs: s_t(i, j) = sqrt(width) w_t^T h_ij + b_t.

    The two scorers start alike. W [h_i; h_j] + b is x + y + b, with x = W_1 h_i and y = W_2 h_j: without
    tanh, a pair would be no more than what its words say alone. Expanded about b, with t = tanh(b), the first
    term of tanh(x + y + b) that reads both words at once is the product -2 t (1 - t^2) x * y. The low-rank
    scorer has this product itself and, through its biases, terms linear in x and in y.

    The factor sqrt(width), which the paper has not, is for Adam: it moves each weight by about the learning
    rate, and a tag has few weights, so that its score would move slowly.

    Memory, in bytes. h_ij is made for cells i <= j of real words alone and takes 4 * cells * width; the
    scores take 4 * cells * tags. 171 relations, of four tags each, so outweigh pairs of width 128 five
    times. The other order of a bilinear form, which tilts each word by each tag first, would take
    4 * words * tags * width: more than the pairs as soon as tags outnumber half the words.

    Args:
        hidden: width of word states.
        width: width of h_ij.
        tags: shape of the tags of a cell.
        low_rank: the product of the two words' projections in place of tanh of their sum.
    """

    def __init__(
        self, hidden: int, width: int, tags: tuple[int, ...], dropout: float, *, low_rank: bool
    ) -> None:
        super().__init__()
        self.low_rank = low_rank
        self.first = nn.Linear(hidden, width)
        self.last = nn.Linear(hidden, width, bias=low_rank)  # one bias is enough for a sum
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Parameter(torch.empty(*tags, width))
        nn.init.normal_(self.weight, std=1.0 / width)
        self.bias = nn.Parameter(torch.full(tags, PRIOR))

    def forward(self, states: Tensor, cells: Tensor, tags: slice = slice(None)) -> Tensor:
        """Scores (cells, *tags).

        Args:
            states: (batch, words, hidden).
            cells: (cells, 3) of window, first word, last word.
            tags: which of the tags' first axis to score.
        """
        window, first, last = cells.unbind(1)
        offset = window * states.shape[1]
        left = self.first(states).flatten(0, 1).index_select(0, offset + first)  # (cells, width)
        right = self.last(states).flatten(0, 1).index_select(0, offset + last)
        pair = self.dropout(left * right if self.low_rank else torch.tanh(left + right))
        weight, bias = self.weight[tags] * pair.shape[-1] ** 0.5, self.bias[tags]
        scores = linear(pair, weight.flatten(0, -2), bias.flatten())
        return scores.float().unflatten(1, bias.shape)


@register_head("token_pair")
class TokenPairHead(Head):
    """Handshaking tagging; see the module's docstring. It finds no qualifiers."""

    Config = TokenPairConfig
    config: TokenPairConfig
    tasks: ClassVar = {"entities": "entities", "relations": "relations"}

    def __init__(self, config: TokenPairConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.entity_scorer = self._scorer(hidden, (self.n_entity_types,))
        if self.n_relations:
            self.link_scorer = self._scorer(hidden, (len(ENDS), len(DIRECTIONS), self.n_relations))

    def _scorer(self, hidden: int, tags: tuple[int, ...]) -> WordPairScorer:
        low_rank = self.config.scorer == "low_rank"
        return WordPairScorer(
            hidden, self.config.width, tags, self.config.dropout, low_rank=low_rank
        )

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, each with its scorer."""
        axes: dict[str, tuple[str | None, ...]] = {
            "entity_scorer.weight": ("entity_types",),
            "entity_scorer.bias": ("entity_types",),
        }
        if self.n_relations:
            axes |= {
                "link_scorer.weight": (None, None, "relations"),
                "link_scorer.bias": (None, None, "relations"),
            }
        return axes

    def _span_scores(self, states: WordStates) -> Tensor:
        """(batch, first words, last words, entity_types); zeros where no cell is."""
        cells = upper_cells(states.mask)
        found = self.entity_scorer(self.dropout(states.entities), cells)
        scores = found.new_zeros(*states.mask.shape, states.mask.shape[1], self.n_entity_types)
        return scores.index_put(cells.unbind(1), found)

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Entity links and relation links, each summed over cells and divided by words."""
        n_words = states.mask.sum()
        losses = {"entities": span_loss(self._span_scores(states), states.mask, gold) / n_words}
        if self.n_relations:
            one_tag = self.config.tagging == "softmax"
            cells = upper_cells(states.mask)
            scores = self.link_scorer(self.dropout(states.relations), cells)
            target = link_targets(
                cells, states.mask.shape[1], gold, self.n_relations, one_tag=one_tag
            )
            loss = softmax_loss if one_tag else multi_label_loss
            losses["relations"] = loss(scores, target, cells, gold) / n_words
        return losses

    def _link_log_odds(self, states: Tensor, cells: Tensor, end: int) -> Tensor:
        """Log-odds (cells, directions, relations) of the links of first or of last words."""
        scores: Tensor = self.link_scorer(states, cells, slice(end, end + 1)).squeeze(1)
        return softmax_log_odds(scores) if self.config.tagging == "softmax" else scores

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, and triples of all pairs of them whose links are both above the floor."""
        spans, real, entity_scores = top_spans(self._span_scores(states), states.mask, self.config)
        triples, scores = no_rows(4, states.mask.device)
        if self.n_relations:
            pairs, pair_scores = triple_scores(
                spans,
                real,
                states.mask.shape[1],
                lambda cells, end: self._link_log_odds(states.relations, cells, end),
            )
            triples, scores = triples_above(pairs, pair_scores, self.config.triple_floor)
        return candidates_of(spans, real, entity_scores, triples, scores)
