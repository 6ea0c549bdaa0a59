"""Relations between pairs of spans, from their words and from what stands between them: scores and loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from extract.heads.base import GoldWindow
from extract.heads.context import PairContext
from extract.heads.cube import TrainingSpans
from extract.heads.losses import counted_labels, zlpr
from extract.heads.scorers import Biaffine
from extract.heads.spans import gold_pairs, span_pairs


def pair_scores(
    states: Tensor,
    spans: Tensor,
    real: Tensor,
    subject: Tensor,
    object_: Tensor,
    scorer: Biaffine,
    context: PairContext,
    inform: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Scores of all pairs of real spans: a bilinear form of the two, and the context.

    Args:
        states: (batch, words, hidden).
        spans: (batch, spans, 2), half-open; real: (batch, spans), those that are no padding come first.
        subject, object_: (batch, spans, width), the spans in either role.
        inform: makes other features of the context's (pairs, features) and of the pairs, to be scored.

    Returns: pairs (pairs, 3) of window, subject span, object span; scores (pairs, relations).
    """
    pairs = span_pairs(real)
    blocks = scorer.by_pair(subject, object_, real, pairs)
    features = context.features(states, spans, subject, object_, pairs)
    if inform is not None:
        features = inform(features, pairs)
    return pairs, blocks + context.scored(features)


def pair_loss(
    pairs: Tensor, scores: Tensor, spans: TrainingSpans, gold: Sequence[GoldWindow]
) -> tuple[Tensor, Tensor]:
    """The loss of all pairs a span, a scalar; and which pairs stand in some gold triple, (pairs,).

    Args:
        pairs: (pairs, 3) of window, subject span, object span.
        scores: (pairs, relations).
        spans: gold ones among them.
    """
    target = gold_pairs(pairs, spans.rows, gold, scores.shape[1])
    annotated = counted_labels(
        [window.relations for window in gold], scores.shape[1], scores.device
    )
    loss = zlpr(scores, target, annotated[pairs[:, 0]])
    return loss.sum() / spans.real.sum(), target.any(dim=1)


def likely_false(
    pairs: Tensor, scores: Tensor, is_gold: Tensor, floor: float
) -> list[tuple[int, int, int, int]]:
    """Likely false triples (window, subject span, relation, object span), the likeliest first.

    Of a false pair only its likeliest relation counts.

    Args:
        pairs: (pairs, 3) of window, subject span, object span.
        scores: (pairs, relations).
        is_gold: (pairs,), which stand in some gold triple.
        floor: log-odds under which a triple is not likely.
    """
    best, relation = scores.detach().max(dim=1)
    best = best.masked_fill(is_gold, float("-inf"))
    false = (best > floor).nonzero()[:, 0]
    false = false[best[false].argsort(descending=True)]
    ends = pairs[false]
    triples = torch.stack([ends[:, 0], ends[:, 1], relation[false], ends[:, 2]], dim=1)
    return list(map(tuple, triples.tolist()))
