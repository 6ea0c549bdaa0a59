"""Head entities first, then the tail entities and relations of each.

Three boundary taggers (see `boundaries.py`) over one encoder pass:
- entities: spans of all entities, labelled by type;
- heads: spans that are the subject of a triple, labelled by relation;
- tails: given one head, spans that are its objects, labelled by relation. Each word reads the states of
  the head's first and last word, its own position relative to the head, and what stands between.

A triple scores as the conjunction of its head and its tail, each a conjunction of start, end and no nearer
end, whose probabilities are multiplied. Tails are labelled independently of each other, so that triples may
share one entity or both. Training conditions on all gold spans and on the likeliest false ones.

Source: Yu et al. 2020, Joint Extraction of Entities and Relations Based on a Novel Decomposition Strategy.
Differs from the paper: a tagger of its own finds all entities and their types, also of entities that stand
in no triple, so that heads need no type; they are labelled by relation instead, since a corpus that
annotates some relations says of no span that it is no head at all. Training takes all gold heads of a
sentence, not one, and false heads beside them, which have no tails. Heads and tails are sought among the
candidate entities. Words read the maximum over what stands between them and the head, which in the paper
an LSTM after the conditioning may tell them. What differs in the taggers stands in `boundaries.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.boundaries import (
    Boundaries,
    BoundaryTagger,
    all_of,
    cells_from,
    span_log_odds,
)
from extract.heads.boundary_losses import boundary_loss, untyped_loss
from extract.heads.context import range_max
from extract.heads.losses import counted_labels
from extract.heads.scorers import Projection
from extract.heads.spans import candidates_of, no_rows, top_spans, training_spans, triples_above
from extract.schema import Schema

_FARTHEST = 24  # words this far from the head, or farther, share one position
_BETWEEN = 96  # features of the words between
# A head's tags are a whole sentence's: unweighted, their gradient in the encoder outweighs that of entities,
# which then are found less well.
_TAIL_WEIGHT = 0.2
_NO_SPAN = -1e4  # the score of a span whose start is no candidate


class HeadThenTailConfig(HeadConfig):
    """Settings of head-then-tail tagging."""

    width: int = Field(192, ge=8, le=2048, description="width of the taggers' hidden layers")


class AboutHead(nn.Module):
    """What the words of a sentence read of a head entity.

    They read its first and last word, their position relative to it, and the maximum over the words that
    stand between it and them.
    """

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(hidden, width, bias=False)
        self.last = nn.Linear(hidden, width, bias=False)
        self.position = nn.Embedding(2 * _FARTHEST + 1, width)
        nn.init.normal_(self.position.weight, std=0.1)
        self.words = Projection(hidden, _BETWEEN, dropout)
        self.between = nn.Linear(_BETWEEN, width, bias=False)

    def forward(self, states: Tensor, heads: Tensor) -> Tensor:
        """(heads, words, width).

        Args:
            states: (batch, words, hidden).
            heads: (heads, 3) of window, first word, and the word behind the last.
        """
        n_words = states.shape[1]
        window, start, end = heads.unbind(1)
        ends = self.first(states)[window, start] + self.last(states)[window, end - 1]
        position = self.position(relative_positions(heads, n_words))
        words = torch.arange(n_words, device=heads.device).expand(len(heads), -1)
        behind = words >= end.unsqueeze(1)
        between = range_max(
            self.words(states),
            window.repeat_interleave(n_words),
            torch.where(behind, end.unsqueeze(1), words + 1).flatten(),
            torch.where(behind, words, start.unsqueeze(1)).flatten(),
        )  # (heads * words, features)
        about: Tensor = self.between(between).unflatten(0, (len(heads), n_words))
        return about + ends.unsqueeze(1) + position.to(about.dtype)


def relative_positions(heads: Tensor, n_words: int) -> Tensor:
    """(heads, words): 0 to 2 * _FARTHEST, with _FARTHEST inside the head, less before, more behind it.

    Args:
        heads: (heads, 3) of window, first word, and the word behind the last.
    """
    words = torch.arange(n_words, device=heads.device)
    before = (words - heads[:, 1:2]).clamp(-_FARTHEST, 0)
    behind = (words - heads[:, 2:3] + 1).clamp(0, _FARTHEST)
    return before + behind + _FARTHEST


@register_head("head_then_tail")
class HeadThenTail(Head):
    """Head entities, then their tails; see the module's docstring. It finds no qualifiers."""

    Config = HeadThenTailConfig
    config: HeadThenTailConfig
    tasks: ClassVar = {"entities": "entities", "heads": "relations", "tails": "relations"}

    def __init__(self, config: HeadThenTailConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        sizes = (hidden, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.entity = BoundaryTagger(*sizes, self.n_entity_types, config.dropout)
        if self.n_relations:
            self.head = BoundaryTagger(*sizes, self.n_relations, config.dropout)
            self.about_head = AboutHead(*sizes, config.dropout)
            self.tail = BoundaryTagger(*sizes, self.n_relations, config.dropout)

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Entity types and relations, each with the scorers of its taggers."""
        kinds = {"entity": "entity_types"}
        if self.n_relations:
            kinds |= {"head": "relations", "tail": "relations"}
        return {
            f"{tagger}.{end}_scorer.{tensor}": (kind,)
            for tagger, kind in kinds.items()
            for end in ("start", "end")
            for tensor in ("weight", "bias")
        }

    # Scores

    def _entity_scores(self, tags: Boundaries) -> Tensor:
        """(batch, first words, last words, entity_types), for starts above the floor."""
        batch, n_words, n_types = tags.start.shape
        likely = (tags.start.amax(dim=-1) > self.config.span_floor) & tags.mask
        starts = likely.nonzero()
        n_ends = tags.mask.sum(dim=1)[starts[:, 0]] - starts[:, 1]
        row, first, last = cells_from(starts, n_ends)[0].unbind(1)
        scores = tags.start.new_full((batch, n_words, n_words, n_types), _NO_SPAN)
        spans = torch.stack([row, first, last + 1], dim=1)
        found = span_log_odds(spans, tags.start, lambda cells: self.entity.ends(tags, cells))
        return scores.index_put((row, first, last), found)

    def _head_scores(self, words: Tensor, mask: Tensor, spans: Tensor) -> Tensor:
        """Log-odds (spans, relations) that spans (spans, 3) of window, start, end are heads."""
        tags = self.head(words, mask)
        return span_log_odds(spans, tags.start, lambda cells: self.head.ends(tags, cells))

    def _tail_tags(self, words: Tensor, mask: Tensor, heads: Tensor) -> Boundaries:
        """Tags of the sentence of each head (heads, 3) of window, start, end."""
        tags: Boundaries = self.tail(words, mask, heads[:, 0], self.about_head(words, heads))
        return tags

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Tags of entities and heads a word, weighted tags of tails a head."""
        n_words = states.mask.sum()
        tags = self.entity(self.dropout(states.entities), states.mask)
        losses = {"entities": self._entity_loss(tags, gold) / n_words}
        if not self.n_relations:
            return losses
        with torch.no_grad():
            likely = self._entity_scores(tags)
        words = self.dropout(states.relations)
        counted = counted_labels([w.relations for w in gold], self.n_relations, words.device)
        floor = self.config.triple_floor
        subjects = [
            (row, start, end, relation)
            for row, window in enumerate(gold)
            for start, end, relation, _, _ in window.triples
        ]
        tags = self.head(words, states.mask)
        losses["heads"] = boundary_loss(self.head, tags, subjects, counted, floor) / n_words
        spans = training_spans(likely, states.mask, self.config, gold)
        heads = [(row, start, end) for row, own in enumerate(spans) for start, end in own]
        row_of = {head: at for at, head in enumerate(heads)}
        objects = [
            (row_of[row, start, end], object_start, object_end, relation)
            for row, window in enumerate(gold)
            for start, end, relation, object_start, object_end in window.triples
        ]
        about = torch.tensor(heads, dtype=torch.long, device=words.device).view(-1, 3)
        tags = self._tail_tags(words, states.mask, about)
        loss = boundary_loss(self.tail, tags, objects, counted[about[:, 0]], floor)
        losses["tails"] = _TAIL_WEIGHT * loss / max(1, len(heads))
        return losses

    def _entity_loss(self, tags: Boundaries, gold: Sequence[GoldWindow]) -> Tensor:
        counted = counted_labels(
            [w.entity_types for w in gold], self.n_entity_types, tags.start.device
        )
        typed = [
            (row, start, end, label)
            for row, window in enumerate(gold)
            for start, end, label in (window.entities if window.entity_types else ())
            if label >= 0
        ]
        loss = boundary_loss(self.entity, tags, typed, counted, self.config.span_floor)
        untyped = [
            (row, start, end)
            for row, window in enumerate(gold)
            for start, end, _ in (() if window.entity_types else window.entities)
        ]
        return loss + untyped_loss(self.entity, tags, untyped) if untyped else loss

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, then which of them are heads, then the tails of each head among them."""
        tags = self.entity(states.entities, states.mask)
        spans, real, entity_scores = top_spans(self._entity_scores(tags), states.mask, self.config)
        triples, scores = self._triples(states.relations, states.mask, spans, real)
        return candidates_of(spans, real, entity_scores, triples, scores)

    def _triples(
        self, words: Tensor, mask: Tensor, spans: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores.

        A conjunction is never likelier than its parts: what a part's score rules out is not scored further.
        """
        if not self.n_relations or not real.any():
            return no_rows(4, words.device)
        floor = self.config.triple_floor
        place = real.nonzero()  # (spans of all windows, 2): window, span
        heads = torch.cat([place[:, :1], spans[real]], dim=1)
        head_scores = self._head_scores(words, mask, heads)
        kept = head_scores.amax(dim=1) > floor
        place, heads, head_scores = place[kept], heads[kept], head_scores[kept]
        if not len(heads):
            return no_rows(4, words.device)
        tags = self._tail_tags(words, mask, heads)
        window, subject = place.unbind(1)
        starts = tags.start.gather(
            1, spans[window][..., :1].expand(-1, -1, self.n_relations)
        )  # (heads, spans, relations)
        possible = torch.minimum(starts, head_scores.unsqueeze(1)).amax(dim=-1) > floor
        possible &= real[window] & (
            torch.arange(real.shape[1], device=real.device) != subject[:, None]
        )
        row, object_ = possible.nonzero(as_tuple=True)
        tails = torch.cat([row.unsqueeze(1), spans[window[row], object_]], dim=1)
        tail_scores = span_log_odds(tails, tags.start, lambda cells: self.tail.ends(tags, cells))
        scores = all_of(head_scores[row], tail_scores)
        pairs = torch.stack([window[row], subject[row], object_], dim=1)
        return triples_above(pairs, scores, floor)
