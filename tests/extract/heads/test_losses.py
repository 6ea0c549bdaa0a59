"""ZLPR and the loss on any label against their formulas, the counted mask, and extreme scores."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.heads.losses import any_label, any_label_loss, zlpr

cells = st.lists(
    st.tuples(st.floats(-20, 20, width=32), st.booleans(), st.booleans()), min_size=1, max_size=7
)


def direct(scores: list[float], gold: list[bool]) -> float:
    negative = sum(math.exp(s) for s, g in zip(scores, gold, strict=True) if not g)
    positive = sum(math.exp(-s) for s, g in zip(scores, gold, strict=True) if g)
    return math.log1p(negative) + math.log1p(positive)


@given(cells)
def test_zlpr_is_its_formula_over_counted_labels(cell: list[tuple[float, bool, bool]]) -> None:
    scores, gold, counted = zip(*cell, strict=True)
    loss = zlpr(*(torch.tensor([values]) for values in (scores, gold, counted)))
    kept = [(s, g) for s, g, c in cell if c]
    expected = direct([s for s, _ in kept], [g for _, g in kept])
    assert float(loss) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_zlpr_keeps_leading_axes_and_broadcasts_the_mask() -> None:
    scores = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    gold = scores > 0.5
    assert zlpr(scores, gold).shape == (2, 3, 5)
    counted = torch.tensor([True, False, True, True, False, True, True]).expand(2, 1, 1, 7)
    some = zlpr(scores, gold, counted)
    kept = [0, 2, 3, 5, 6]
    torch.testing.assert_close(some, zlpr(scores[..., kept], gold[..., kept]))


def test_zlpr_label_that_is_not_counted_has_exactly_no_gradient() -> None:
    scores = torch.randn(4, 3, requires_grad=True)
    gold = torch.tensor([[True, False, True]] * 4)
    zlpr(scores, gold, torch.tensor([True, True, False])).sum().backward()
    assert scores.grad is not None
    assert scores.grad[:, 2].eq(0).all()
    assert scores.grad[:, :2].ne(0).all()


@pytest.mark.parametrize("size", [0.0, 80.0, 1e3, 5e3])
def test_zlpr_extreme_scores_have_finite_loss_and_gradient(size: float) -> None:
    scores = torch.tensor([[size, -size, size, -size]], requires_grad=True)
    loss = zlpr(scores, torch.tensor([[True, True, False, False]]))
    loss.sum().backward()
    assert bool(loss.isfinite().all())
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())
    # The wrong ones are pulled, at any size: the gold label below 0 up, the other above 0 down.
    assert scores.grad[0, 1] < 0 < scores.grad[0, 2]


def test_zlpr_nothing_counted_is_zero() -> None:
    scores = torch.randn(3, 4)
    assert zlpr(scores, scores > 0, torch.zeros(4, dtype=torch.bool)).eq(0).all()


def test_zlpr_bfloat16_scores_are_summed_in_float32() -> None:
    scores = torch.randn(2, 9).bfloat16()
    assert zlpr(scores, scores > 0).dtype == torch.float32


@given(cells)
def test_odds_of_any_label_are_those_of_counted_labels_summed(
    cell: list[tuple[float, bool, bool]],
) -> None:
    scores, _, counted = zip(*cell, strict=True)
    found = any_label(torch.tensor([scores]), torch.tensor([counted]))
    odds = sum(math.exp(s) for s, c in zip(scores, counted, strict=True) if c)
    if odds:
        assert float(found) == pytest.approx(math.log(odds), rel=1e-4, abs=1e-5)
    else:
        assert float(any_label_loss(found, torch.tensor([False]), torch.tensor([True]))) == 0.0


def test_loss_on_any_label_counts_known_cells_only() -> None:
    log_odds = torch.tensor([0.5, -1.0, 2.0, 3.0], requires_grad=True)
    positive = torch.tensor([True, False, False, False])
    negative = torch.tensor([False, True, True, False])
    loss = any_label_loss(log_odds, positive, negative)
    expected = math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-1.0)) + math.log1p(math.exp(2.0))
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert log_odds.grad is not None
    assert log_odds.grad.sign().tolist() == [-1.0, 1.0, 1.0, 0.0]
