"""Table filling with a hyper-relational cube: one pass gives entities, relations and qualifiers.

Three scorers over one encoder pass:
- spans: cell (i, j), i <= j, scores each entity type for the span from word i to word j;
- table: cell (i, j) scores each relation for "word i is in its subject, word j in its object";
- cube: cell (i, j, k) scores each qualifier label for "word k is in a value that qualifies the
  pair of words (i, j)". In training only the words most likely to stand in an entity enter it.

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

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from extract.decode.candidates import Candidates
from extract.encoder.pooling import span_membership
from extract.heads.base import GoldWindow, Head, HeadConfig, WordStates, register_head
from extract.heads.context import PairContext
from extract.heads.losses import zlpr
from extract.heads.scorers import Biaffine, Projection, Triaffine
from extract.schema import Schema

_MAX_WIDTH = 24  # spans this long or longer share one width feature


@register_head("table")
class TableHead(Head):
    """Joint table with a cube for qualifiers; see the module's docstring."""

    def __init__(self, config: HeadConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        width, dropout = config.width, config.dropout
        self.dropout = nn.Dropout(dropout)
        self.start = Projection(hidden, width, dropout)
        self.last = Projection(hidden, width, dropout)
        self.span_scorer = Biaffine(width, self.n_entity_types)
        self.span_width = nn.Embedding(_MAX_WIDTH + 1, self.n_entity_types)
        nn.init.zeros_(self.span_width.weight)
        self.subject = Projection(hidden, width, dropout)
        self.object = Projection(hidden, width, dropout)
        self.relation_scorer = Biaffine(width, self.n_relations)
        self.context = PairContext(hidden, width, self.n_relations, dropout)
        if self.n_qualifiers:
            self.pair_subject = Projection(hidden, config.cube_width, dropout)
            self.pair_object = Projection(hidden, config.cube_width, dropout)
            self.value = Projection(hidden, config.cube_width, dropout)
            self.cube_scorer = Triaffine(config.cube_width, self.n_qualifiers)

    # Scores

    def _span_scores(self, states: Tensor) -> Tensor:
        """(batch, words, hidden) to (batch, first words, last words, entity_types)."""
        states = self.dropout(states)
        scores = self.span_scorer(self.start(states), self.last(states)).float()
        words = torch.arange(states.shape[1], device=states.device)
        widths = (words.view(1, -1) - words.view(-1, 1)).clamp(0, _MAX_WIDTH)
        return scores + self.span_width(widths)

    def _pair_scores(self, states: Tensor, spans: Tensor, member: Tensor) -> Tensor:
        """Scores of span pairs, (batch, spans, spans, relations): block means and context."""
        subject = member @ self.subject(states)  # (batch, spans, width)
        object_ = member @ self.object(states)
        block = self.relation_scorer(subject, object_)
        return block + self.context(states, spans, subject, object_)

    # Training

    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Cell losses of the three parts, each summed over cells and divided by the words."""
        n_words = states.mask.sum()
        pairs = states.mask.unsqueeze(1) & states.mask.unsqueeze(2)  # (batch, words, words)
        spans = self._span_scores(states.entities)
        losses = {"entities": self._entity_loss(spans, pairs.triu(), gold) / n_words}
        if self.n_relations:
            words = self.dropout(states.relations)
            table = self.relation_scorer(self.subject(words), self.object(words))
            losses["relations"] = self._relation_loss(table, pairs, gold) / n_words
            losses["pairs"] = self._pair_loss(words, spans.detach(), states.mask, gold)
        if self.n_qualifiers and any(window.qualifier_labels for window in gold):
            losses["qualifiers"] = self._cube_loss(states, spans.detach(), gold)
        return losses

    def _entity_loss(self, scores: Tensor, cells: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        target = torch.zeros(scores.shape, dtype=torch.bool)
        typed = torch.tensor([bool(window.entity_types) for window in gold])
        for row, window in enumerate(gold):
            for start, end, label in window.entities:
                if label >= 0:
                    target[row, start, end - 1, label] = True
        counted = _counted(
            [window.entity_types for window in gold], self.n_entity_types, scores.device
        )
        loss = zlpr(scores, target.to(scores.device), counted[:, None, None])
        loss = (loss * (cells & typed.to(scores.device)[:, None, None])).sum()
        return loss if typed.all() else loss + self._untyped_loss(scores, cells, gold)

    def _untyped_loss(self, scores: Tensor, cells: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        """For corpora that mark some spans without a type: each speaks for some type, and against spans
        that cross it or nest with it; all other spans are left open."""
        positive = torch.zeros(scores.shape[:3], dtype=torch.bool)
        negative = torch.zeros(scores.shape[:3], dtype=torch.bool)
        for row, window in enumerate(gold):
            if window.entity_types:
                continue
            for start, end, _ in window.entities:
                negative[row, :end, start:] = True  # all spans that share a word with it
            for start, end, _ in window.entities:
                positive[row, start, end - 1] = True
                negative[row, start, end - 1] = False
        any_type = scores.float().logsumexp(dim=-1)
        against = zlpr(scores, torch.zeros_like(scores, dtype=torch.bool))
        positive, negative = positive.to(scores.device), negative.to(scores.device)
        return (softplus(-any_type) * positive).sum() + (against * (negative & cells)).sum()

    def _relation_loss(self, scores: Tensor, cells: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for row, window in enumerate(gold):
            for start, end, label, object_start, object_end in window.triples:
                target[row, start:end, object_start:object_end, label] = True
        counted = _counted([window.relations for window in gold], self.n_relations, scores.device)
        loss = zlpr(scores, target.to(scores.device), counted[:, None, None])
        return (loss * cells).sum()

    def _pair_loss(
        self, words: Tensor, spans: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> Tensor:
        """Pairs of spans scored as inference scores them: gold entities, and false ones it would meet."""
        chosen, real, of_gold = self._training_spans(spans, mask, gold)
        member = span_membership(chosen, mask.shape[1], words.dtype)
        scores = self._pair_scores(words, chosen, member)
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for row, window in enumerate(gold):
            for start, end, label, object_start, object_end in window.triples:
                subject, object_ = (
                    of_gold[row].get((start, end)),
                    of_gold[row].get((object_start, object_end)),
                )
                if subject is not None and object_ is not None:
                    target[row, subject, object_, label] = True
        counted = _counted([window.relations for window in gold], self.n_relations, scores.device)
        loss = zlpr(scores, target.to(scores.device), counted[:, None, None])
        cells = real.unsqueeze(1) & real.unsqueeze(2)
        return (loss * cells).sum() / real.sum().clamp(min=1)

    def _training_spans(
        self, spans: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> tuple[Tensor, Tensor, list[dict[tuple[int, int], int]]]:
        """Gold spans of each window, then its best false ones that share no word with them."""
        best = spans.max(dim=-1).values
        rows = []
        found = self._top_spans(spans, mask)[0].tolist() if spans.shape[1] else []
        for row, window in enumerate(gold):
            own = list(dict.fromkeys((start, end) for start, end, _ in window.entities))
            false = [
                (s, e)
                for s, e in found[row][: len(own) + 8]
                if e > s and all(e <= a or b <= s for a, b in own)
            ]
            rows.append(own + false)
        n_spans = max(1, *(len(row) for row in rows))
        chosen = torch.zeros(len(rows), n_spans, 2, dtype=torch.long)
        real = torch.zeros(len(rows), n_spans, dtype=torch.bool)
        for row, of_row in enumerate(rows):
            if of_row:
                chosen[row, : len(of_row)] = torch.tensor(of_row)
                real[row, : len(of_row)] = True
        return (
            chosen.to(best.device),
            real.to(best.device),
            [{s: i for i, s in enumerate(r)} for r in rows],
        )

    def _cube_loss(self, states: WordStates, spans: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
        rows = [row for row, window in enumerate(gold) if window.qualifier_labels]
        chosen, real = self._cube_words(spans[rows], states.mask[rows], [gold[row] for row in rows])
        index = chosen.unsqueeze(-1).expand(-1, -1, states.qualifiers.shape[-1])
        words = self.dropout(states.qualifiers[rows].gather(1, index))  # (rows, cube words, hidden)
        pair = self.pair_subject(words).unsqueeze(2) * self.pair_object(words).unsqueeze(1)
        n_rows, n_words = chosen.shape
        scores = self.cube_scorer(
            pair.flatten(1, 2), self.value(words)
        )  # (rows, pairs, values, labels)
        scores = scores.view(n_rows, n_words, n_words, n_words, self.n_qualifiers)
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for place, row in enumerate(rows):
            at = {word: spot for spot, word in enumerate(chosen[place].tolist())}
            for triple, label, start, end in gold[row].qualifiers:
                s, e, _, o, f = gold[row].triples[triple]
                cell = np.ix_(
                    *(
                        [at[w] for w in range(a, b) if w in at]
                        for a, b in ((s, e), (o, f), (start, end))
                    )
                )
                target[(place, *map(torch.from_numpy, cell), label)] = True
        counted = _counted(
            [gold[row].qualifier_labels for row in rows], self.n_qualifiers, scores.device
        )
        loss = zlpr(scores, target.to(scores.device), counted[:, None, None, None])
        cells = real[:, :, None, None] & real[:, None, :, None] & real[:, None, None, :]
        return (loss * cells).sum() / real.sum()

    def _cube_words(
        self, spans: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> tuple[Tensor, Tensor]:
        """The words that enter the cube, (rows, cube words), and which of them are real."""
        scores = word_scores(spans).masked_fill(~mask, float("-inf"))
        for row, window in enumerate(gold):
            for triple, _, start, end in window.qualifiers:
                s, e, _, o, f = window.triples[triple]
                for first, last in ((s, e), (o, f), (start, end)):
                    scores[row, first:last] += 1e3  # gold words first, whatever their scores
        n_words = min(self.config.cube_words, mask.shape[1])
        chosen = scores.topk(n_words, dim=1).indices.sort(dim=1).values
        return chosen, mask.gather(1, chosen)

    # Inference

    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidate spans, then triples among them, then qualifiers of those triples."""
        scores = self._span_scores(states.entities)  # (batch, words, words, entity_types)
        spans, real, entity_scores = self._top_spans(scores, states.mask)
        member = span_membership(spans, states.mask.shape[1], states.relations.dtype)
        triples, triple_scores = self._triples(states.relations, spans, member, real)
        qualifiers, qualifier_scores = self._qualifiers(states.qualifiers, member, real, triples)
        return _split(
            spans.cpu().numpy(),
            real.sum(1).tolist(),
            entity_scores.float().cpu().numpy(),
            triples.cpu().numpy(),
            triple_scores.float().cpu().numpy(),
            qualifiers.cpu().numpy(),
            qualifier_scores.float().cpu().numpy(),
        )

    def _top_spans(self, scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Spans above the floor, best first: (batch, spans, 2), (batch, spans), (batch, spans, types)."""
        batch, n_words = mask.shape
        cells = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu()
        best = scores.max(dim=-1).values.masked_fill(~cells, float("-inf")).view(batch, -1)
        # The cap grows with the window, so that pruning leaves memory linear in its words. It is each
        # window's own: the batch it comes in must not matter.
        cap = mask.sum(1).clamp(min=self.config.max_spans)
        n_spans = int((best > self.config.span_floor).sum(1).minimum(cap).max())
        top = best.topk(n_spans, dim=1)
        rank = torch.arange(n_spans, device=scores.device)
        real = (top.values > self.config.span_floor) & (rank < cap.unsqueeze(1))
        start, last = top.indices // n_words, top.indices % n_words
        spans = torch.stack([start, last + 1], dim=-1) * real.unsqueeze(-1)
        rows = torch.arange(batch, device=scores.device).unsqueeze(1)
        return spans, real, scores[rows, start, last]

    def _triples(
        self, states: Tensor, spans: Tensor, member: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows (window, subject span, relation, object span) and their scores."""
        if not self.n_relations or not real.shape[1]:
            return _no_rows(4, states.device)
        scores = self._pair_scores(states, spans, member)
        pairs = real.unsqueeze(1) & real.unsqueeze(2)
        pairs = pairs & ~torch.eye(real.shape[1], dtype=torch.bool, device=real.device)
        scores = scores.masked_fill(~pairs.unsqueeze(-1), float("-inf"))
        found = (scores > self.config.triple_floor).nonzero()  # (triples, 4)
        return found[:, [0, 1, 3, 2]], scores[found.unbind(1)]

    def _qualifiers(
        self, states: Tensor, member: Tensor, real: Tensor, triples: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows (triple, qualifier label, value span) and their scores."""
        if not self.n_qualifiers or not len(triples):
            return _no_rows(3, states.device)
        window, subject_at, _, object_at = triples.unbind(1)
        subject = (member @ self.pair_subject(states))[window, subject_at]  # (triples, width)
        object_ = (member @ self.pair_object(states))[window, object_at]
        value = (member @ self.value(states))[window]  # (triples, spans, width)
        scores = self.cube_scorer((subject * object_).unsqueeze(1), value)[
            :, 0
        ]  # (triples, spans, labels)
        scores = scores.masked_fill(~real[window].unsqueeze(-1), float("-inf"))
        found = (scores > self.config.triple_floor).nonzero()
        return found[:, [0, 2, 1]], scores[found.unbind(1)]


def word_scores(spans: Tensor) -> Tensor:
    """How likely each word stands in an entity: the best score of any span that covers it.

    Args:
        spans: (batch, first words, last words, entity_types).

    Returns: (batch, words).
    """
    best = spans.max(dim=-1).values
    lower = torch.ones(best.shape[1:], dtype=torch.bool, device=best.device).tril(-1)
    best = best.masked_fill(lower, float("-inf"))
    best = best.cummax(dim=1).values.flip(2).cummax(dim=2).values.flip(2)
    return best.diagonal(dim1=1, dim2=2).clone()


def _counted(annotated: Sequence[frozenset[int]], n_labels: int, device: torch.device) -> Tensor:
    """(batch, labels): which labels each window's corpus annotates."""
    counted = torch.zeros(len(annotated), n_labels, dtype=torch.bool)
    for row, labels in enumerate(annotated):
        counted[row, sorted(labels)] = True
    return counted.to(device)


def _no_rows(n_columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.zeros(0, n_columns, dtype=torch.long, device=device), torch.zeros(0, device=device)


def _split(
    spans: np.ndarray,
    n_spans: list[int],
    entity_scores: np.ndarray,
    triples: np.ndarray,
    triple_scores: np.ndarray,
    qualifiers: np.ndarray,
    qualifier_scores: np.ndarray,
) -> list[Candidates]:
    """Cut a batch's rows into one set of candidates a window. Rows come sorted by window."""
    bounds = np.searchsorted(triples[:, 0], np.arange(len(n_spans) + 1))
    cuts = np.searchsorted(qualifiers[:, 0], bounds)
    return [
        Candidates(
            spans[row, :n],
            entity_scores[row, :n],
            triples[bounds[row] : bounds[row + 1], 1:],
            triple_scores[bounds[row] : bounds[row + 1]],
            qualifiers[cuts[row] : cuts[row + 1]] - np.array([bounds[row], 0, 0]),
            qualifier_scores[cuts[row] : cuts[row + 1]],
        )
        for row, n in enumerate(n_spans)
    ]
