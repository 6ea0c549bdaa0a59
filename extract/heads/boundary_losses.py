"""Losses of boundary taggers: tags of all starts, and tags of ends from gold and likely false starts.

Yu et al. 2020, Joint Extraction of Entities and Relations Based on a Novel Decomposition Strategy.
Differs from the paper: tags are multi-label under one loss for a word (see `losses.zlpr`); the end tagger is
trained on false starts as well, which have no end; labels that are not annotated do not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from extract.heads.boundaries import Boundaries, BoundaryTagger, cells_from, span_log_odds
from extract.heads.losses import zlpr

_FALSE_STARTS = 4  # a row, of those above the floor


def boundary_loss(
    tagger: BoundaryTagger,
    tags: Boundaries,
    gold: Sequence[tuple[int, int, int, int]],
    counted: Tensor,
    floor: float,
) -> Tensor:
    """The loss of starts and ends, summed.

    Args:
        gold: (row, start word, end word, label), half-open.
        counted: (rows, labels), bool: which labels are annotated.
        floor: log-odds under which a start is not likely.

    Returns: a scalar.
    """
    row, first, stop, label = _columns(gold, 4, counted.device)
    target = torch.zeros_like(tags.start, dtype=torch.bool)
    target[row, first, label] = True
    loss = (zlpr(tags.start, target, counted.unsqueeze(1)) * tags.mask).sum()
    is_gold = target.any(dim=-1)
    starts = (is_gold | _likely_false(tags, is_gold, counted, floor)).nonzero()
    cells, place = _all_cells(tags, starts)
    end_target = torch.zeros(len(cells), target.shape[-1], dtype=torch.bool, device=target.device)
    end_target[place[row, first] + stop - first - 1, label] = True
    return loss + zlpr(tagger.ends(tags, cells), end_target, counted[cells[:, 0]]).sum()


def untyped_loss(
    tagger: BoundaryTagger, tags: Boundaries, gold: Sequence[tuple[int, int, int]]
) -> Tensor:
    """For corpora that mark some spans without a type, summed: each speaks for some label, and against
    spans that start inside it or end elsewhere; all other spans are left open.

    Args:
        gold: (row, start word, end word), half-open.
    """
    spans = torch.stack(_columns(gold, 3, tags.mask.device), dim=1)
    row, first, stop = spans.unbind(1)
    words = torch.arange(tags.mask.shape[1], device=spans.device)
    inside = torch.zeros_like(tags.mask)
    covers = (words >= first.unsqueeze(1)) & (words < stop.unsqueeze(1))  # (spans, words)
    inside[row[covers.nonzero()[:, 0]], covers.nonzero()[:, 1]] = True
    marked = torch.zeros_like(tags.mask)
    marked[row, first] = True
    any_label = span_log_odds(spans, tags.start, lambda cells: tagger.ends(tags, cells))
    cells, place = _all_cells(tags, marked.nonzero())
    elsewhere = torch.ones(len(cells), dtype=torch.bool, device=cells.device)
    elsewhere[place[row, first] + stop - first - 1] = False
    against = [tags.start[inside & ~marked], tagger.ends(tags, cells[elsewhere])]
    no_label = [
        zlpr(scores, torch.zeros_like(scores, dtype=torch.bool)).sum() for scores in against
    ]
    return softplus(-any_label.logsumexp(dim=-1)).sum() + torch.stack(no_label).sum()


def _likely_false(tags: Boundaries, is_gold: Tensor, counted: Tensor, floor: float) -> Tensor:
    """(rows, words): the likeliest false starts of each row, of labels that are annotated."""
    scores = tags.start.detach().masked_fill(~counted.unsqueeze(1), float("-inf")).amax(dim=-1)
    scores = scores.masked_fill(is_gold | ~tags.mask, float("-inf"))
    top = scores.topk(min(_FALSE_STARTS, scores.shape[1]), dim=1)
    return torch.zeros_like(is_gold).scatter(1, top.indices, top.values > floor)


def _all_cells(tags: Boundaries, starts: Tensor) -> tuple[Tensor, Tensor]:
    """The cells of starts (starts, 2) up to their windows' last words; each start's first (rows, words)."""
    row, first = starts.unbind(1)
    cells, at = cells_from(starts, tags.mask.sum(dim=1)[row] - first)
    place = torch.zeros(tags.mask.shape, dtype=torch.long, device=starts.device)
    place[row, first] = at
    return cells, place


def _columns(
    rows: Sequence[tuple[int, ...]], n_columns: int, device: torch.device
) -> tuple[Tensor, ...]:
    return torch.tensor(rows, dtype=torch.long, device=device).view(-1, n_columns).unbind(1)
