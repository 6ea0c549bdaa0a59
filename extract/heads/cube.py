"""The hyper-relational cube: which value qualifies which pair of words, and how.

Cell (i, j, k) scores each qualifier label for "word k is in a value that qualifies the pair (i, j)".
Where cells are trained, only the words most likely to stand in an entity enter the cube, so its memory
does not grow with the sentence; in inference only found triples are scored, against found spans, and
these too may be pruned to such words (`cube_pruning.py`).

Chia et al. 2022, A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach.
Differs from the paper: cells are multi-label and scored by a low-rank trilinear form, whose mean over
a block of cells is the score of the spans' means; these are what is trained ("values") unless cells are,
too. Spans add what stands between the object and the value, and a term for each relation and label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from extract.encoder.pooling import span_membership
from extract.heads.base import GoldWindow
from extract.heads.context import PairContext
from extract.heads.cube_pruning import PrunedCube
from extract.heads.losses import counted_labels, zlpr
from extract.heads.rows import rows_at, same_rows
from extract.heads.scorers import Projection, Triaffine
from extract.heads.spans import no_rows

_FALSE_TRIPLES = 4  # a window, beside one for each gold triple
_TripleKey = tuple[int, int, int, int]  # window, subject span, relation, object span


@dataclass(frozen=True, slots=True)
class TrainingSpans:
    """Gold and false spans of a batch's windows.

    spans: (batch, spans, 2), half-open; real: (batch, spans); rows: each window's spans by offsets.
    """

    spans: Tensor
    real: Tensor
    rows: list[dict[tuple[int, int], int]]

    @classmethod
    def of(cls, rows: list[list[tuple[int, int]]], device: torch.device) -> TrainingSpans:
        """Pad each window's spans to the longest list."""
        n_spans = max(1, *(len(row) for row in rows))
        spans = torch.zeros(len(rows), n_spans, 2, dtype=torch.long)
        real = torch.zeros(len(rows), n_spans, dtype=torch.bool)
        for row, of_row in enumerate(rows):
            if of_row:
                spans[row, : len(of_row)] = torch.tensor(of_row)
                real[row, : len(of_row)] = True
        found = [{span: i for i, span in enumerate(row)} for row in rows]
        return cls(spans.to(device), real.to(device), found)


@dataclass(frozen=True, slots=True)
class ScoredValues:
    """Triples (triples, 4), and scores (rows, labels) of each with each span of its window, in order."""

    triples: Tensor
    scores: Tensor


class QualifierCube(nn.Module):
    """Scores (triple, value) by qualifier label; trained on spans and, if asked to, on word cells.

    Args:
        hidden: width of word states.
        n_relations, n_labels: relations and qualifier labels of the schema.
        width: width of the projections.
        dropout: on projections.
        n_words: words a sentence whose cells enter the cube in training; 0: all.
        floor: log-odds under which a qualifier is no candidate.
    """

    def __init__(
        self,
        hidden: int,
        n_relations: int,
        n_labels: int,
        *,
        width: int,
        dropout: float,
        n_words: int,
        floor: float,
    ) -> None:
        super().__init__()
        self.n_words = n_words
        self.floor = floor
        self.n_labels = n_labels
        self.subject = Projection(hidden, width, dropout)
        self.object = Projection(hidden, width, dropout)
        self.value = Projection(hidden, width, dropout)
        self.scorer = Triaffine(width, n_labels)
        self.context = PairContext(hidden, width, n_labels, dropout)
        self.by_relation = nn.Embedding(n_relations, n_labels)
        nn.init.zeros_(self.by_relation.weight)

    def label_axes(self, name: str) -> dict[str, tuple[str | None, ...]]:
        """As `Head.label_axes`, of a cube that the head knows as `name`."""
        return {
            f"{name}.scorer.weight": (None, "qualifiers"),
            f"{name}.scorer.bias": ("qualifiers",),
            f"{name}.context.score.weight": ("qualifiers",),
            f"{name}.context.score.bias": ("qualifiers",),
            f"{name}.by_relation.weight": ("relations", "qualifiers"),
        }

    def cell_loss(
        self, states: Tensor, mask: Tensor, likely: Tensor, gold: Sequence[GoldWindow]
    ) -> Tensor:
        """The loss of all cells among the chosen words, summed and divided by these words.

        Args:
            states: (batch, words, hidden).
            mask: (batch, words).
            likely: (batch, words), how likely each word stands in an entity; -inf for padding.
        """
        at = [row for row, window in enumerate(gold) if window.qualifier_labels]
        gold = [gold[row] for row in at]
        chosen, real = self._choose(likely[at], mask[at], gold)
        index = chosen.unsqueeze(-1).expand(-1, -1, states.shape[-1])
        words = states[at].gather(1, index)  # (rows, cube words, hidden)
        pair = self.subject(words).unsqueeze(2) * self.object(words).unsqueeze(1)
        scores = self.scorer(pair.flatten(1, 2), self.value(words))  # (rows, pairs, values, labels)
        n_words = chosen.shape[1]
        scores = scores.view(len(gold), n_words, n_words, n_words, self.n_labels)
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for row, window in enumerate(gold):
            spot = {word: spot for spot, word in enumerate(chosen[row].tolist())}
            for triple, label, start, end in window.qualifiers:
                s, e, _, o, f = window.triples[triple]
                i, j, k = (
                    torch.tensor([spot[w] for w in range(a, b) if w in spot], dtype=torch.long)
                    for a, b in ((s, e), (o, f), (start, end))
                )
                target[row, i[:, None, None], j[None, :, None], k[None, None, :], label] = True
        annotated = self._annotated(gold, scores.device)
        loss = zlpr(scores, target.to(scores.device), annotated[:, None, None, None])
        cells = real[:, :, None, None] & real[:, None, :, None] & real[:, None, None, :]
        return (loss * cells).sum() / real.sum()

    def _choose(
        self, likely: Tensor, mask: Tensor, gold: Sequence[GoldWindow]
    ) -> tuple[Tensor, Tensor]:
        """The words that enter the cube, (rows, cube words), and which of them are real."""
        likely = likely.clone()
        for row, window in enumerate(gold):
            for triple, _, start, end in window.qualifiers:
                s, e, _, o, f = window.triples[triple]
                for first, last in ((s, e), (o, f), (start, end)):
                    likely[row, first:last] += 1e3  # gold words first, whatever their scores
        n_words = min(self.n_words or mask.shape[1], mask.shape[1])
        chosen = likely.topk(n_words, dim=1).indices.sort(dim=1).values
        return chosen, mask.gather(1, chosen)

    def scored_values(
        self,
        states: Tensor,
        spans: TrainingSpans,
        gold: Sequence[GoldWindow],
        false_triples: Sequence[_TripleKey],
    ) -> tuple[Tensor, ScoredValues | None]:
        """The loss of triples against all training spans, scored as inference scores them, a triple.

        Gold triples, and of each window as many of the likeliest false ones and a few more: nothing
        qualifies what is no fact, so that a value speaks for the fact as well.

        Args:
            states: (batch, words, hidden).
            false_triples: (window, subject span, relation, object span), the likeliest first.

        Returns: the loss, and what was scored, if there was any triple.
        """
        values: dict[_TripleKey, set[tuple[int, int]]] = {}
        for row, window in enumerate(gold):
            of = spans.rows[row]
            keys = [(row, of[s, e], r, of[o, f]) for s, e, r, o, f in window.triples]
            values |= {key: set() for key in keys if window.qualifier_labels}
            for triple, label, start, end in window.qualifiers:
                values[keys[triple]].add((of[start, end], label))
        room = Counter(row for row, *_ in values)
        for key in false_triples:
            if gold[key[0]].qualifier_labels and room[key[0]] + _FALSE_TRIPLES > 0:
                room[key[0]] -= 1
                values[key] = set()
        if not values:
            return states.sum() * 0.0, None
        values = dict(sorted(values.items()))
        member = span_membership(spans.spans, states.shape[1], states.dtype)
        triples = torch.tensor(list(values), device=states.device)
        scores, at, value = self._score(states, spans.spans, member, spans.real, triples)
        place = {row: n for n, row in enumerate(zip(at.tolist(), value.tolist(), strict=True))}
        target = torch.zeros(scores.shape, dtype=torch.bool)
        for triple, right in enumerate(values.values()):
            for span, label in right:
                target[place[triple, span], label] = True
        annotated = self._annotated([gold[row] for row, *_ in values], scores.device)
        loss = zlpr(scores, target.to(scores.device), annotated[at]).sum() / len(values)
        return loss, ScoredValues(triples, scores)

    def scores_of(self, states: Tensor, spans: TrainingSpans, triples: Tensor) -> Tensor:
        """Scores (rows, labels) of each triple with each training span of its window, as `scored_values`.

        Args:
            states: (batch, words, hidden).
            triples: (triples, 4) of window, subject span, relation, object span; sorted.
        """
        member = span_membership(spans.spans, states.shape[1], states.dtype)
        return self._score(states, spans.spans, member, spans.real, triples)[0]

    def _annotated(self, gold: Sequence[GoldWindow], device: torch.device) -> Tensor:
        return counted_labels([w.qualifier_labels for w in gold], self.n_labels, device)

    def _score(
        self, states: Tensor, spans: Tensor, member: Tensor, real: Tensor, triples: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (rows, labels) of each triple with each real span of its window as the value.

        The trilinear form, plus what stands between the object and the value, plus how likely the
        relation takes the label. `triples` come sorted by window.

        Returns: the scores, and the triple and the value span of each row, both (rows,).
        """
        window, subject, relation, object_ = triples.unbind(1)
        n_spans = spans.shape[1]
        subjects, objects, values = self._span_means(states, member)
        at, value = real[window].nonzero(as_tuple=True)
        # Triples share their two ends, and more of them one: what these give each value is made once.
        ends = (window * n_spans + subject) * n_spans + object_
        own, of_triple = same_rows(ends, real.numel() * n_spans)
        own_window = window[own]
        pair = rows_at(subjects, own_window, subject[own])
        pair = pair * rows_at(objects, own_window, object_[own])
        form = self.scorer.by_window(pair, own_window, values, real)
        scores = form.index_select(0, _first_rows(real, own_window)[of_triple[at]] + value)
        own, of_triple = same_rows(window * n_spans + object_, real.numel())
        own_window = window[own]
        of_own, value_of_own = real[own_window].nonzero(as_tuple=True)
        beside = torch.stack([own_window[of_own], object_[own][of_own], value_of_own], dim=1)
        context = self.context(states, spans, objects, values, beside)
        scores += context.index_select(0, _first_rows(real, own_window)[of_triple[at]] + value)
        scores += self.by_relation(relation[at])
        return scores, at, value

    def _span_means(self, states: Tensor, member: Tensor) -> tuple[Tensor, ...]:
        """Spans as subjects, objects and values, each (batch, spans, width); other words are not read.

        Args:
            states: (batch, words, hidden).
            member: (batch, spans, words), rows that average the words of spans.
        """
        place = (member > 0).any(dim=1).flatten().nonzero().squeeze(1)
        words = states.flatten(0, 1).index_select(0, place)
        roles = [projection(words) for projection in (self.subject, self.object, self.value)]
        width = sum(role.shape[-1] for role in roles)
        projected = roles[0].new_zeros(states.shape[0] * states.shape[1], width)
        projected = projected.index_copy(0, place, torch.cat(roles, dim=-1))
        means = member @ projected.view(*states.shape[:2], width)
        return means.chunk(len(roles), dim=-1)

    def scored(
        self,
        states: Tensor,
        spans: Tensor,
        member: Tensor,
        real: Tensor,
        triples: Tensor,
        enters: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Rows (triple, qualifier label, value span) above the floor, and their scores.

        Args:
            states: (batch, words, hidden).
            spans: (batch, spans, 2), half-open word offsets.
            member: (batch, spans, words), rows that average the words of spans.
            real: (batch, spans).
            triples: (triples, 4): window, subject span, relation, object span; sorted by window.
            enters: (batch, words), the words that enter the cube; by default all do.
        """
        pruned = None if enters is None else PrunedCube.of(spans, member, real, triples, enters)
        if pruned is not None:
            spans, member, real, triples = pruned.spans, pruned.member, pruned.real, pruned.triples
        if not len(triples):
            return no_rows(3, states.device)
        scores, at, value = self._score(states, spans, member, real, triples)
        row, label = (scores > self.floor).nonzero(as_tuple=True)
        found = torch.stack([at[row], label, value[row]], dim=1)
        if pruned is not None:
            found = pruned.in_full(found)
        return found, scores[row, label]


def _first_rows(real: Tensor, window: Tensor) -> Tensor:
    """Where the rows of each of many things start, if each has one for every real span of its window.

    Args:
        real: (batch, spans); window: (things,).
    """
    n_rows = real.sum(dim=1)[window]
    return n_rows.cumsum(0) - n_rows
