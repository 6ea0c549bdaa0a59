"""Handshaking tags: pairs of words that link the ends of spans, and how triples are read from them.

A cell is a pair of words (i, j) with i <= j. A triple puts two tags of its relation on cells: one links
the first words of subject and object, one their last words. A link is reversed where the subject's
word stands behind the object's; on a cell of one word (i = j) it never is.

Wang et al. 2020, TPLinker: Single-stage Joint Extraction of Entities and Relations Through Token Pair
Linking. Differs from the paper: triples are read for all pairs of candidate spans at once and scored,
where the paper joins the links that are set.

What the tags cannot tell apart. Links of one relation do not say which link of first words goes with
which link of last words: from (A, r, B) and (C, r, D), a third triple is read if its first words are
linked by the one, its last words by the other, and both of its ends are candidate spans. A pair whose
spans share neither first nor last word with other spans is never mixed up. With one tag a relation and
cell, a link and its reverse on the same cell exclude each other: of (A, r, B) and (B, r, A) the first
annotated is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from extract.heads.base import GoldWindow
from extract.heads.losses import counted_labels, zlpr
from extract.heads.spans import span_pairs

FIRST_WORDS, LAST_WORDS = ENDS = (0, 1)  # what a link joins
LINK, REVERSED = DIRECTIONS = (0, 1)


def upper_cells(mask: Tensor) -> Tensor:
    """All pairs of a window's words with the first not behind the last.

    Args:
        mask: (batch, words).

    Returns: (cells, 3) of window, first word, last word; ascending.
    """
    return (mask.unsqueeze(1) & mask.unsqueeze(2)).triu().nonzero()


def link_targets(
    cells: Tensor, n_words: int, gold: Sequence[GoldWindow], n_relations: int, *, one_tag: bool
) -> Tensor:
    """The gold tags. A span related to itself is no pair and gives none.

    Args:
        cells: (cells, 3), of `upper_cells`.
        n_words: words of the longest window.
        one_tag: keep the first annotated of a link and its reverse on the same cell.

    Returns: (cells, ends, directions, relations), bool.
    """
    tags: dict[tuple[int, ...], None] = {}  # in the order of the annotation
    for row, window in enumerate(gold):
        for start, stop, relation, object_start, object_stop in window.triples:
            if (start, stop) == (object_start, object_stop):
                continue
            for end, one, other in (
                (FIRST_WORDS, start, object_start),
                (LAST_WORDS, stop - 1, object_stop - 1),
            ):
                cell = (row, min(one, other), max(one, other), end)
                direction = REVERSED if one > other else LINK
                if not (one_tag and (*cell, 1 - direction, relation) in tags):
                    tags[(*cell, direction, relation)] = None
    device = cells.device
    place = torch.zeros(len(gold), n_words, n_words, dtype=torch.long, device=device)
    place[cells.unbind(1)] = torch.arange(len(cells), device=device)
    target = torch.zeros(
        len(cells), len(ENDS), len(DIRECTIONS), n_relations, dtype=torch.bool, device=device
    )
    if tags:
        window_, first, last, *tag = torch.tensor(list(tags), device=device).unbind(1)
        target[place[window_, first, last], *tag] = True
    return target


def multi_label_loss(
    scores: Tensor, target: Tensor, cells: Tensor, gold: Sequence[GoldWindow]
) -> Tensor:
    """The loss of all cells, summed: the tags of a cell, of all relations, are labels of one problem.

    The loss is that of Su et al. 2022, ZLPR: A Novel Loss for Multi-label Classification.

    Args:
        scores, target: (cells, ends, directions, relations).
        cells: (cells, 3).
    """
    counted = counted_labels([w.relations for w in gold], scores.shape[-1], scores.device)
    n_tags = len(ENDS) * len(DIRECTIONS)
    loss = zlpr(scores.flatten(1), target.flatten(1), counted.repeat(1, n_tags)[cells[:, 0]])
    return loss.sum()


def softmax_loss(
    scores: Tensor, target: Tensor, cells: Tensor, gold: Sequence[GoldWindow]
) -> Tensor:
    """The cross entropy of each cell, end and relation over {none, link, reversed}, summed.

    None scores 0 always: a softmax knows differences only, so that nothing is lost.

    Args:
        scores, target: (cells, ends, directions, relations); of a link and its reverse at most one is true.
        cells: (cells, 3).
    """
    counted = counted_labels([w.relations for w in gold], scores.shape[-1], scores.device)
    either = torch.logaddexp(scores[:, :, LINK], scores[:, :, REVERSED])
    partition = softplus(either).sum(dim=1)  # (cells, relations)
    partition = partition.masked_fill(~counted[cells[:, 0]], 0.0).sum()
    row, end, direction, relation = target.nonzero(as_tuple=True)
    is_counted = counted[cells[row, 0], relation]
    return partition - (scores[row, end, direction, relation] * is_counted).sum()


def softmax_log_odds(scores: Tensor) -> Tensor:
    """Log-odds of each direction against the other and none: s_d - log(1 + exp(s_other)).

    Args:
        scores: (cells, directions, relations), none scoring 0.

    Returns: the same shape.
    """
    return scores - softplus(scores.flip(1))


def triple_scores(
    spans: Tensor, real: Tensor, n_words: int, log_odds: Callable[[Tensor, int], Tensor]
) -> tuple[Tensor, Tensor]:
    """Scores of all pairs of real spans: the weaker of the two links.

    A triple is then above even odds where both links are, which is how the paper reads tags. The
    probability that both hold is at most that of the weaker one (Fréchet's bound), and near it when the
    links stand and fall together, as those of one triple do; a product would count one fact twice. A
    mean would let a sure link carry one that says no, which is that of another span with the same first
    or last word.

    Args:
        spans: (batch, spans, 2), half-open word offsets.
        real: (batch, spans), which spans are no padding.
        n_words: words of the longest window.
        log_odds: takes (cells, 3) and an end, gives (cells, directions, relations). It is asked for each cell
            once, and for no cell that joins no spans.

    Returns: pairs (pairs, 3) of window, subject span, object span; scores (pairs, relations).
    """
    pairs = span_pairs(real)
    window, subject, object_ = pairs.unbind(1)
    links = []
    for end, words in ((FIRST_WORDS, spans[..., 0]), (LAST_WORDS, spans[..., 1] - 1)):
        one, other = words[window, subject], words[window, object_]  # (pairs,)
        key = (window * n_words + torch.minimum(one, other)) * n_words + torch.maximum(one, other)
        key, place = key.unique(return_inverse=True)
        cells = torch.stack(
            [key // n_words**2, key // n_words % n_words, key % n_words], dim=1
        )  # (cells, 3)
        direction = torch.where(one > other, REVERSED, LINK)
        links.append(log_odds(cells, end)[place, direction])  # (pairs, relations)
    return pairs, torch.minimum(*links)
