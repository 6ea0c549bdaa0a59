"""Bilinear scorers: shapes, formulas, and the property that spans are scored by: means of blocks."""

from __future__ import annotations

import pytest
import torch

from extract.heads.scorers import Biaffine, Projection, Triaffine

BATCH, LEFT, RIGHT, LABELS, WIDTH, VALUES = 2, 5, 7, 3, 11, 4


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def biaffine() -> Biaffine:
    scorer = Biaffine(WIDTH, LABELS)
    with torch.no_grad():
        scorer.weight.copy_(rand(WIDTH + 1, LABELS, WIDTH + 1, seed=3))
    return scorer


@pytest.fixture
def triaffine() -> Triaffine:
    scorer = Triaffine(WIDTH, LABELS)
    with torch.no_grad():
        scorer.weight.copy_(rand(WIDTH + 1, LABELS, WIDTH, seed=3))
    return scorer


def test_biaffine_is_its_formula(biaffine: Biaffine) -> None:
    left, right = rand(BATCH, LEFT, WIDTH), rand(BATCH, RIGHT, WIDTH, seed=1)
    scores = biaffine(left, right)
    assert scores.shape == (BATCH, LEFT, RIGHT, LABELS)
    for b, i, j, label in ((0, 4, 6, 2), (1, 0, 3, 0)):
        x, y = torch.cat([left[b, i], torch.ones(1)]), torch.cat([right[b, j], torch.ones(1)])
        expected = x @ biaffine.weight[:, label] @ y + biaffine.bias[label]
        torch.testing.assert_close(scores[b, i, j, label], expected)


def test_triaffine_is_its_formula(triaffine: Triaffine) -> None:
    pair, value = rand(BATCH, LEFT, WIDTH), rand(BATCH, VALUES, WIDTH, seed=1)
    scores = triaffine(pair, value)
    assert scores.shape == (BATCH, LEFT, VALUES, LABELS)
    for b, p, k, label in ((0, 4, 3, 2), (1, 0, 2, 0)):
        z = torch.cat([value[b, k], torch.ones(1)])
        expected = z @ triaffine.weight[:, label] @ pair[b, p] + triaffine.bias[label]
        torch.testing.assert_close(scores[b, p, k, label], expected)


def test_mean_over_a_block_of_biaffine_cells_is_the_score_of_means(biaffine: Biaffine) -> None:
    left, right = rand(BATCH, LEFT, WIDTH), rand(BATCH, RIGHT, WIDTH, seed=1)
    cells = biaffine(left, right)
    for (a, b), (c, d) in (((0, 1), (2, 3)), ((1, 4), (0, 7)), ((0, 5), (5, 7))):
        means = biaffine(left[:, a:b].mean(1, keepdim=True), right[:, c:d].mean(1, keepdim=True))
        block = cells[:, a:b, c:d].mean(dim=(1, 2))
        torch.testing.assert_close(means[:, 0, 0], block, atol=1e-5, rtol=1e-5)


def test_mean_over_a_block_of_cube_cells_is_the_score_of_means(triaffine: Triaffine) -> None:
    subject, object_ = rand(BATCH, LEFT, WIDTH), rand(BATCH, RIGHT, WIDTH, seed=1)
    value = rand(BATCH, VALUES, WIDTH, seed=2)
    pair = subject.unsqueeze(2) * object_.unsqueeze(1)  # (batch, lefts, rights, width)
    cells = triaffine(pair.flatten(1, 2), value).view(BATCH, LEFT, RIGHT, VALUES, LABELS)
    for (a, b), (c, d), (e, f) in (((0, 2), (3, 7), (1, 3)), ((4, 5), (0, 1), (0, 4))):
        means = subject[:, a:b].mean(1, keepdim=True) * object_[:, c:d].mean(1, keepdim=True)
        scores = triaffine(means, value[:, e:f].mean(1, keepdim=True))
        block = cells[:, a:b, c:d, e:f].mean(dim=(1, 2, 3))
        torch.testing.assert_close(scores[:, 0, 0], block, atol=1e-5, rtol=1e-5)


def test_triaffine_by_window_is_the_same_without_the_padding(triaffine: Triaffine) -> None:
    values = rand(3, VALUES, WIDTH, seed=1)
    real = torch.tensor([[True, True, False, False], [True] * 3 + [False], [True] * 4])
    pairs, window = rand(5, WIDTH), torch.tensor([0, 0, 2, 2, 2])  # none of the second window
    rows = triaffine.by_window(pairs, window, values, real)
    at = [(p, v) for p in range(5) for v in range(int(real[window[p]].sum()))]
    assert rows.shape == (len(at), LABELS)
    for row, (p, v) in zip(rows, at, strict=True):
        whole = triaffine(pairs[None, p : p + 1], values[window[p] : window[p] + 1])
        torch.testing.assert_close(row, whole[0, 0, v])


def test_projection_gives_its_width_and_drops_only_in_training() -> None:
    projection = Projection(WIDTH, 6, 0.5)
    states = rand(BATCH, LEFT, WIDTH)
    assert projection(states).shape == (BATCH, LEFT, 6)
    assert not torch.equal(projection(states), projection(states))
    projection.eval()
    assert torch.equal(projection(states), projection(states))
