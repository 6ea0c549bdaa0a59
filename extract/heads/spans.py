"""What heads that score all spans of a window share: scores, loss, pruning, and the rows put out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.heads.base import GivenSpans, GoldWindow, HeadConfig
from extract.heads.losses import any_label, any_label_loss, counted_labels, zlpr
from extract.heads.scorers import Biaffine, Projection

MAX_WIDTH = 24  # spans this long or longer share one width feature
_FALSE_SPANS = 8  # a window, of those that inference would also meet


def span_scores(
    states: Tensor, start: Projection, last: Projection, scorer: Biaffine, width: nn.Embedding
) -> Tensor:
    """Scores of every span from its first and its last word, and from how many words it has.

    Args:
        states: (batch, words, hidden).
        start, last: project words to their roles.
        scorer: of (first word, last word) by label.
        width: a score by label for each number of words after the first; longer spans share the last row.

    Returns: (batch, first words, last words, labels).
    """
    scores = scorer(start(states), last(states)).float()
    words = torch.arange(states.shape[1], device=states.device)
    widths = (words.view(1, -1) - words.view(-1, 1)).clamp(0, width.num_embeddings - 1)
    return scores + width(widths)


def span_loss(
    scores: Tensor, mask: Tensor, gold: Sequence[GoldWindow], among: Tensor | None = None
) -> Tensor:
    """The loss of every span, summed: each type that the window's corpus annotates counts.

    Args:
        scores: (batch, first words, last words, entity_types).
        mask: (batch, words).
        among: (batch, first words, last words), the spans that count; all by default.

    Returns: a scalar.
    """
    cells = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu()
    if among is not None:
        cells = cells & among
    target = torch.zeros(scores.shape, dtype=torch.bool)
    typed = torch.tensor([bool(window.entity_types) for window in gold])
    for row, window in enumerate(gold):
        for start, end, label in window.entities:
            if label >= 0:
                target[row, start, end - 1, label] = True
    counted = counted_labels(
        [window.entity_types for window in gold], scores.shape[-1], scores.device
    )
    loss = zlpr(scores, target.to(scores.device), counted[:, None, None])
    loss = (loss * (cells & typed.to(scores.device)[:, None, None])).sum()
    return loss if typed.all() else loss + _untyped_loss(scores, cells, gold)


def _untyped_loss(scores: Tensor, cells: Tensor, gold: Sequence[GoldWindow]) -> Tensor:
    """For corpora that mark some spans without a type: each speaks for some type, and against spans
    that cross it or nest with it; all other spans are left open."""
    positive, negative = _known_untyped(cells, gold)
    return any_label_loss(any_label(scores), positive & cells, negative & cells)


def _known_untyped(cells: Tensor, gold: Sequence[GoldWindow]) -> tuple[Tensor, Tensor]:
    """Of windows without entity types, the marked spans, and all that share a word with one of them."""
    positive = torch.zeros(cells.shape, dtype=torch.bool)
    negative = torch.zeros(cells.shape, dtype=torch.bool)
    for row, window in enumerate(gold):
        if window.entity_types:
            continue
        for start, end, _ in window.entities:
            negative[row, :end, start:] = True
        for start, end, _ in window.entities:
            positive[row, start, end - 1] = True
            negative[row, start, end - 1] = False
    return positive.to(cells.device), negative.to(cells.device)


def known_spans(mask: Tensor, gold: Sequence[GoldWindow]) -> tuple[Tensor, Tensor]:
    """The spans that are an entity by the annotation, and those that by it are none.

    It says nothing of spans that are named without a known type, nor, where entities have no types, of
    spans that share no word with one.

    Args:
        mask: (batch, words).

    Returns: two (batch, first words, last words), bool.
    """
    cells = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu()
    positive, negative = _known_untyped(cells.cpu(), gold)  # filled below from lists
    for row, window in enumerate(gold):
        if window.entity_types:
            negative[row] = True
            for start, end in gold_spans(window):
                negative[row, start, end - 1] = False
            for start, end, label in window.entities:
                positive[row, start, end - 1] |= label >= 0
    return positive.to(mask.device), negative.to(mask.device) & cells


def given_cells(given: GivenSpans, mask: Tensor) -> Tensor:
    """Which spans are given, (batch, first words, last words); mask: (batch, words)."""
    cells = torch.zeros(*mask.shape, mask.shape[1], dtype=torch.bool)
    for row, spans in enumerate(given):
        for start, end in spans:
            cells[row, start, end - 1] = True
    return cells.to(mask.device)


def top_spans(
    scores: Tensor,
    mask: Tensor,
    config: HeadConfig,
    floor: float | None = None,
    given: GivenSpans | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Spans above the floor, best first; or all spans that are given, whatever they score.

    Args:
        scores: (batch, first words, last words, entity_types).
        mask: (batch, words).
        floor: by default `config.span_floor`.
        given: the spans to take, a window.

    Returns: spans (batch, spans, 2), half-open; which are no padding (batch, spans); their scores
    (batch, spans, entity_types).
    """
    floor = config.span_floor if floor is None else floor
    batch, n_words = mask.shape
    if given is None:
        cells = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu()
    else:
        cells, floor = given_cells(given, mask), float("-inf")
    best = scores.max(dim=-1).values.masked_fill(~cells, float("-inf")).view(batch, -1)
    # The cap grows with the window, so that pruning leaves memory linear in its words. It is each
    # window's own: the batch it comes in must not matter.
    cap = mask.sum(1).clamp(min=config.max_spans)
    if given is not None:
        cap = cells.flatten(1).sum(1)
    n_spans = int((best > floor).sum(1).minimum(cap).max())
    top = best.topk(n_spans, dim=1)
    rank = torch.arange(n_spans, device=scores.device)
    real = (top.values > floor) & (rank < cap.unsqueeze(1))
    start, last = top.indices // n_words, top.indices % n_words
    spans = torch.stack([start, last + 1], dim=-1) * real.unsqueeze(-1)
    rows = torch.arange(batch, device=scores.device).unsqueeze(1)
    return spans, real, scores[rows, start, last]


def covering_scores(scores: Tensor, mask: Tensor) -> Tensor:
    """The best score by label of any span that covers a word.

    Args:
        scores: (batch, first words, last words, labels).
        mask: (batch, words); spans that hold padding do not count.

    Returns: (batch, words, labels); -inf for padding.
    """
    cells = (mask.unsqueeze(1) & mask.unsqueeze(2)).triu().unsqueeze(-1)
    best = scores.masked_fill(~cells, float("-inf"))
    best = best.cummax(dim=1).values.flip(2).cummax(dim=2).values.flip(2)
    return best.diagonal(dim1=1, dim2=2).transpose(1, 2)


def gold_spans(window: GoldWindow) -> list[tuple[int, int]]:
    """Every span the annotation names, in order, once."""
    spans = [(start, end) for start, end, _ in window.entities]
    for s, e, _, o, f in window.triples:
        spans += [(s, e), (o, f)]
    spans += [(start, end) for _, _, start, end in window.qualifiers]
    return list(dict.fromkeys(spans))


def training_spans(
    scores: Tensor,
    mask: Tensor,
    config: HeadConfig,
    gold: Sequence[GoldWindow],
    n_false: int | None = None,
) -> list[list[tuple[int, int]]]:
    """Gold spans of each window, then the best false ones that share no word with them.

    Where entities are given there are no false ones.

    Args:
        scores: (batch, first words, last words, entity_types), detached.
        mask: (batch, words).
        n_false: most false spans a window; by default the cut falls after a number of likely spans.
    """
    found = top_spans(scores, mask, config)[0].tolist()
    rows = []
    for window, likely in zip(gold, found, strict=True):
        own = gold_spans(window)
        n_likely = 0 if window.given else len(own) + _FALSE_SPANS
        rows.append(own + clear_of(own, likely[:n_likely])[:n_false])
    return rows


def clear_of(own: Sequence[tuple[int, int]], found: Sequence[list[int]]) -> list[tuple[int, int]]:
    """Those of the found spans that share no word with the own ones; empty spans are padding."""
    return [(s, e) for s, e in found if e > s and all(e <= a or b <= s for a, b in own)]


def span_pairs(real: Tensor) -> Tensor:
    """All ordered pairs of different spans of a window.

    Args:
        real: (batch, spans), which spans are no padding.

    Returns: (pairs, 3) of window, subject span, object span; ascending.
    """
    both = real.unsqueeze(1) & real.unsqueeze(2)
    itself = torch.eye(real.shape[1], dtype=torch.bool, device=real.device)
    return (both & ~itself).nonzero()


def gold_pairs(
    pairs: Tensor,
    rows: Sequence[dict[tuple[int, int], int]],
    gold: Sequence[GoldWindow],
    n_relations: int,
) -> Tensor:
    """Which relations hold of which pairs: (pairs, relations), bool.

    Args:
        pairs: (pairs, 3) of window, subject span, object span.
        rows: each window's spans by offsets, those of its triples among them.
    """
    place = {pair: at for at, pair in enumerate(map(tuple, pairs.tolist()))}
    target = torch.zeros(len(pairs), n_relations, dtype=torch.bool)
    for row, window in enumerate(gold):
        of = rows[row]
        for start, end, label, object_start, object_end in window.triples:
            at = place.get((row, of[start, end], of[object_start, object_end]))
            if at is not None:  # a span related to itself is no pair
                target[at, label] = True
    return target.to(pairs.device)


def triples_above(pairs: Tensor, scores: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """The triples that score above the floor.

    Args:
        pairs: (pairs, 3) of window, subject span, object span.
        scores: (pairs, relations).

    Returns: (triples, 4) of window, subject span, relation, object span; their scores (triples,).
    """
    found = (scores > floor).nonzero()  # (triples, 2): pair, relation
    window, subject, object_ = pairs[found[:, 0]].unbind(1)
    return torch.stack([window, subject, found[:, 1], object_], dim=1), scores[found.unbind(1)]


def no_rows(n_columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """No rows of `n_columns` columns, and no scores."""
    return torch.zeros(0, n_columns, dtype=torch.long, device=device), torch.zeros(0, device=device)


def candidates_of(
    spans: Tensor,
    real: Tensor,
    entity_scores: Tensor,
    triples: Tensor,
    triple_scores: Tensor,
    qualifiers: tuple[Tensor, Tensor] | None = None,
) -> list[Candidates]:
    """A batch's rows as one set of candidates a window. Rows come sorted by window.

    Args:
        spans: (batch, spans, 2), half-open; real: (batch, spans), those that are no padding come first.
        entity_scores: (batch, spans, entity_types).
        triples: (triples, 4) of window, subject span, relation, object span.
        triple_scores: (triples,).
        qualifiers: rows (qualifiers, 3) of triple, label, value span, and their scores; None: the head
            finds none.
    """
    values, value_scores = no_rows(3, spans.device) if qualifiers is None else qualifiers
    at, of, value = (rows.cpu().numpy() for rows in (spans, triples, values))
    types, facts, further = (
        scores.float().cpu().numpy() for scores in (entity_scores, triple_scores, value_scores)
    )
    n_spans = real.sum(dim=1).tolist()
    bounds = np.searchsorted(of[:, 0], np.arange(len(n_spans) + 1))
    cuts = np.searchsorted(value[:, 0], bounds)
    return [
        Candidates(
            at[row, :n],
            types[row, :n],
            of[bounds[row] : bounds[row + 1], 1:],
            facts[bounds[row] : bounds[row + 1]],
            value[cuts[row] : cuts[row + 1]] - np.array([bounds[row], 0, 0]),
            further[cuts[row] : cuts[row + 1]],
        )
        for row, n in enumerate(n_spans)
    ]
