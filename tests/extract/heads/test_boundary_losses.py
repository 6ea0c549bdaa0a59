"""Losses of boundary taggers against sums over single tags; what is left out of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from extract.heads.boundaries import Boundaries, BoundaryTagger
from extract.heads.boundary_losses import boundary_loss, untyped_loss

HIDDEN, WIDTH, LABELS = 7, 5, 3
N_WORDS = (7, 4, 5)
# Spans that nest, that share words, that share a span with another label.
GOLD = [(0, 0, 2, 0), (0, 3, 6, 1), (0, 4, 5, 1), (0, 0, 2, 2), (2, 4, 5, 0)]
ALL = torch.ones(3, LABELS, dtype=torch.bool)


def make() -> tuple[BoundaryTagger, Boundaries]:
    torch.manual_seed(0)
    tagger = BoundaryTagger(HIDDEN, WIDTH, LABELS, dropout=0.0)
    with torch.no_grad():
        for parameter in tagger.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    mask = torch.arange(max(N_WORDS)) < torch.tensor(N_WORDS).unsqueeze(1)
    return tagger, tagger(torch.randn(3, max(N_WORDS), HIDDEN), mask)


def one_word(scores: list[float], gold: set[int], counted: set[int]) -> float:
    """The loss of one word's tags."""
    negative = sum(np.exp(scores[label]) for label in counted - gold)
    positive = sum(np.exp(-scores[label]) for label in counted & gold)
    return float(np.log1p(negative) + np.log1p(positive))


def brute_force(
    tagger: BoundaryTagger, tags: Boundaries, counted: Tensor, floor: float, n_false: int = 4
) -> float:
    total = 0.0
    for row, n_words in enumerate(N_WORDS):
        labels = {label for label in range(LABELS) if counted[row, label]}
        spans = [(s, e, label) for r, s, e, label in GOLD if r == row]
        start = tags.start[row].tolist()
        for word in range(n_words):
            total += one_word(start[word], {k for s, _, k in spans if s == word}, labels)
        best = {w: max((start[w][k] for k in labels), default=-np.inf) for w in range(n_words)}
        gold = {s for s, _, _ in spans}
        false = sorted((w for w in best if w not in gold), key=lambda w: -best[w])[:n_false]
        for s in gold | {w for w in false if best[w] > floor}:
            for word in range(s, n_words):
                (scores,) = tagger.ends(tags, torch.tensor([[row, s, word]])).tolist()
                total += one_word(
                    scores, {k for t, e, k in spans if (t, e) == (s, word + 1)}, labels
                )
    return total


@pytest.mark.parametrize("floor", [-1e3, 1.5, 1e3])
def test_boundary_loss_is_the_sum_over_starts_and_the_ends_of_gold_and_likely_false_ones(
    floor: float,
) -> None:
    tagger, tags = make()
    counted = torch.tensor([[True, True, True], [True, False, True], [True, True, False]])
    found = boundary_loss(tagger, tags, GOLD, counted, floor)
    assert found.item() == pytest.approx(brute_force(tagger, tags, counted, floor), rel=1e-4)


def test_floor_decides_which_false_starts_count() -> None:
    tagger, tags = make()
    losses = [boundary_loss(tagger, tags, GOLD, ALL, floor).item() for floor in (-1e3, 1.5, 1e3)]
    assert losses[0] > losses[1] > losses[2]


def test_label_that_is_not_annotated_gets_no_gradient() -> None:
    tagger, tags = make()
    counted = ALL.clone()
    counted[:, 1] = False
    gold = [span for span in GOLD if span[3] != 1]
    boundary_loss(tagger, tags, gold, counted, -1e3).backward()
    for scorer in (tagger.start_scorer, tagger.end_scorer):
        for grad in (scorer.weight.grad, scorer.bias.grad):
            assert grad is not None
            changed = grad.reshape(LABELS, -1).ne(0).any(dim=1).tolist()
            assert changed == [True, False, True]


def test_no_rows_and_nothing_gold_give_finite_losses() -> None:
    tagger, tags = make()
    assert bool(boundary_loss(tagger, tags, [], ALL, -1e3).isfinite())
    none = Boundaries(*(part[:0] for part in (tags.start, tags.word, tags.current, tags.mask)))
    assert boundary_loss(tagger, none, [], ALL[:0], -1e3).item() == 0


UNTYPED = [(0, 0, 2), (0, 3, 6), (0, 4, 5), (1, 2, 4)]


@torch.no_grad()
def test_untyped_loss_is_for_the_marked_spans_and_against_what_starts_or_ends_inside() -> None:
    tagger, tags = make()
    total = 0.0
    for row, start, end in UNTYPED:
        chance = tags.start[row, start].double().sigmoid()
        for word in range(start, N_WORDS[row]):
            scores = tagger.ends(tags, torch.tensor([[row, start, word]]))[0].double()
            if word < end:
                chance = chance * (scores if word == end - 1 else -scores).sigmoid()
            if word != end - 1:
                total += float(scores.exp().sum().log1p())
        odds = (chance / (1 - chance)).sum()  # of any label
        total += float((1 / odds).log1p())
    for row, word in ((0, 1), (0, 5), (1, 3)):  # inside a span, and no span's first word
        total += float(tags.start[row, word].double().exp().sum().log1p())
    assert untyped_loss(tagger, tags, UNTYPED).item() == pytest.approx(total, rel=1e-4)


def test_untyped_loss_leaves_words_outside_of_marked_spans_open() -> None:
    tagger, tags = make()
    start = tags.start.detach().requires_grad_()
    untyped_loss(tagger, replace(tags, start=start), UNTYPED).backward()
    assert start.grad is not None
    read = start.grad.ne(0).any(dim=-1)
    inside = torch.zeros_like(read)
    for row, first, end in UNTYPED:
        inside[row, first:end] = True
    assert torch.equal(read, inside)
