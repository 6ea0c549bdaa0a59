"""Set prediction: each gold span is given to one query, at the least cost in all, and what that loses.

Cost of a query for a gold span: minus the sum of its probability of the best of the span's types, those of
the span's first and of its last word, and the overlap of the span that it stood for with the gold one (words
they share by words of either).

Carion et al. 2020, End-to-End Object Detection with Transformers (bipartite matching); Kuhn 1955, The
Hungarian Method for the Assignment Problem, which `scipy.optimize.linear_sum_assignment` solves.
Differs from the papers: a span of several types is one target with all of them; boundaries are words, so
their loss is a cross-entropy; types that the window's corpus does not annotate are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from extract.heads.base import GoldWindow
from extract.heads.losses import counted_labels, zlpr


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a round of refinement says of each query.

    before: (batch, queries, 2), half-open, the span that the query stood for.
    real: (batch, queries), which queries are no padding; they come first.
    types: (batch, queries, entity_types), log-odds.
    boundaries: (batch, queries, 2, words), log-probabilities of the first and of the last word.
    """

    before: Tensor
    real: Tensor
    types: Tensor
    boundaries: Tensor


@dataclass(frozen=True, slots=True)
class SpanTargets:
    """The gold spans of each window, each span once; windows with fewer are padded.

    spans: (batch, golds, 2), half-open; n_spans: (batch,), how many are no padding.
    types: (batch, golds, entity_types), bool; those of a span of unknown type are all True.
    typed: (batch,), whether the window's types are annotated.
    counted: (batch, entity_types), which types are annotated.
    """

    spans: Tensor
    n_spans: tuple[int, ...]
    types: Tensor
    typed: Tensor
    counted: Tensor

    @classmethod
    def of(cls, gold: Sequence[GoldWindow], n_types: int, device: torch.device) -> SpanTargets:
        """What windows with entity types say of them, and where windows without say that spans are."""
        rows: list[dict[tuple[int, int], set[int]]] = []
        for window in gold:
            found: dict[tuple[int, int], set[int]] = {}
            for start, end, label in window.entities:
                if not window.entity_types:
                    found[start, end] = set(range(n_types))
                elif label >= 0:
                    found.setdefault((start, end), set()).add(label)
            rows.append(found)
        n_spans = tuple(map(len, rows))
        spans = torch.zeros(len(gold), max(n_spans), 2, dtype=torch.long)
        types = torch.zeros(len(gold), max(n_spans), n_types, dtype=torch.bool)
        for row, found in enumerate(rows):
            for at, (span, labels) in enumerate(found.items()):
                spans[row, at] = torch.tensor(span)
                types[row, at, sorted(labels)] = True
        typed = torch.tensor([bool(window.entity_types) for window in gold])
        counted = counted_labels([window.entity_types for window in gold], n_types, device)
        return cls(spans.to(device), n_spans, types.to(device), typed.to(device), counted)


def overlaps(left: Tensor, right: Tensor) -> Tensor:
    """Words that spans share by words of either, in [0, 1].

    Args:
        left: (batch, lefts, 2), half-open; right: (batch, rights, 2).

    Returns: (batch, lefts, rights); 0 for empty spans.
    """
    left, right = left.unsqueeze(2), right.unsqueeze(1)
    shared = torch.minimum(left[..., 1], right[..., 1]) - torch.maximum(left[..., 0], right[..., 0])
    shared = shared.clamp(min=0)
    both = (left[..., 1] - left[..., 0]) + (right[..., 1] - right[..., 0]) - shared
    return shared / both.clamp(min=1)


def costs(found: Predictions, gold: SpanTargets) -> Tensor:
    """(batch, queries, golds): what each query costs for each gold span, in [-4, 0]."""
    batch, n_golds, _ = gold.spans.shape
    type_of = found.types.float().sigmoid().unsqueeze(2) * gold.types.unsqueeze(1)
    cost = -type_of.amax(dim=-1) - overlaps(found.before, gold.spans)
    ends = torch.stack([gold.spans[..., 0], gold.spans[..., 1] - 1], dim=1)  # (batch, 2, golds)
    ends = ends.clamp(min=0).unsqueeze(1).expand(batch, found.types.shape[1], 2, n_golds)
    return cost - found.boundaries.gather(-1, ends).exp().sum(dim=2)


@torch.no_grad()
def match(found: Predictions, gold: SpanTargets) -> Tensor:
    """The cheapest assignment of gold spans to queries, each to one: (matched, 3) of window, query, gold.

    Where a window has fewer queries than gold spans, some of these stay without.
    """
    from scipy.optimize import linear_sum_assignment  # slow to load, and only training needs it

    cost = costs(found, gold).cpu().numpy()
    n_queries = found.real.sum(dim=1).tolist()
    rows = []
    for row, (queries, golds) in enumerate(zip(n_queries, gold.n_spans, strict=True)):
        pairs = zip(*linear_sum_assignment(cost[row, :queries, :golds]), strict=True)
        rows += [(row, query, target) for query, target in pairs]
    return torch.tensor(rows, dtype=torch.long, device=found.types.device).view(-1, 3)


def set_losses(found: Predictions, gold: SpanTargets) -> tuple[Tensor, Tensor]:
    """The losses of types, over all queries, and of boundaries, over matched ones; each a sum.

    A query that is given no gold span is of no type. Where a window's types are not annotated, a matched
    query is of some type, others of none only if their spans share a word with a gold one.
    """
    window, query, target = match(found, gold).unbind(1)
    matched = torch.zeros_like(found.real).index_put((window, query), found.real.new_tensor(True))
    right = torch.zeros_like(found.types, dtype=torch.bool)
    right = right.index_put((window, query), gold.types[window, target])
    typed = gold.typed.unsqueeze(1) & found.real
    types = (zlpr(found.types, right, gold.counted.unsqueeze(1)) * typed).sum()
    if not gold.typed.all():
        untyped = ~gold.typed.unsqueeze(1) & found.real
        some = softplus(-found.types.float().logsumexp(dim=-1))
        none = zlpr(found.types, torch.zeros_like(right))
        beside = overlaps(found.before, gold.spans).sum(dim=-1) > 0
        types = types + (some * (untyped & matched)).sum()
        types = types + (none * (untyped & ~matched & beside)).sum()
    first, end = gold.spans[window, target].unbind(1)
    boundaries = found.boundaries[window, query]  # (matched, 2, words)
    at = torch.stack([first, end - 1], dim=1).unsqueeze(-1)
    return types, -boundaries.gather(-1, at).sum()
