"""Entropy, curvature, InfoNCE and contribution on matrices worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.layers.metrics import curvature, info_nce, matrix_entropy, most_entropy, update_ratio


def random_rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_entropy_of_orthogonal_rows_of_one_length_is_log_of_their_number() -> None:
    assert matrix_entropy(3.0 * torch.eye(5, 7)).item() == pytest.approx(math.log(5))


def test_entropy_of_parallel_rows_is_zero() -> None:
    rows = torch.outer(torch.tensor([1.0, -2.0, 0.5]), random_rows(7))
    assert matrix_entropy(rows).item() == pytest.approx(0.0, abs=1e-6)


def test_entropy_of_two_lengths_is_that_of_their_squares() -> None:
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0]])  # eigenvalues 1 and 9
    expected = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert matrix_entropy(rows).item() == pytest.approx(expected)


def test_entropy_does_not_see_padding_and_batch() -> None:
    rows = random_rows(2, 5, 7)
    rows[1, 3:] = 0.0
    found = matrix_entropy(rows)
    assert found.shape == (2,)
    assert found[0].item() == pytest.approx(matrix_entropy(rows[0]).item())
    assert found[1].item() == pytest.approx(matrix_entropy(rows[1, :3]).item())


def test_entropy_of_tall_and_wide_matrices_agrees() -> None:
    rows = random_rows(11, 5)
    assert matrix_entropy(rows).item() == pytest.approx(matrix_entropy(rows.T).item())


def test_entropy_of_zeros_is_zero() -> None:
    assert matrix_entropy(torch.zeros(3, 4)).item() == 0.0


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99), st.floats(0.01, 100))
def test_entropy_stays_in_its_range_and_ignores_scale(
    n_rows: int, hidden: int, seed: int, factor: float
) -> None:
    rows = random_rows(n_rows, hidden, seed=seed)
    found = matrix_entropy(rows).item()
    assert -1e-9 <= found <= most_entropy(torch.tensor(n_rows), hidden).item() + 1e-9
    assert matrix_entropy(factor * rows).item() == pytest.approx(found, abs=1e-4)


def all_of(rows: torch.Tensor) -> torch.Tensor:
    return torch.ones(rows.shape[:2], dtype=torch.bool)


def test_curvature_of_a_straight_line_is_zero() -> None:
    at = torch.tensor([0.0, 1.0, 4.0, 4.5])  # steps of any length, one way
    rows = torch.outer(at, random_rows(6))[None]
    assert curvature(rows, all_of(rows)).item() == pytest.approx(0.0, abs=1e-3)


def test_curvature_of_right_angles_is_half_pi() -> None:
    rows = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [5.0, 1.0]]])
    assert curvature(rows, all_of(rows)).item() == pytest.approx(math.pi / 2)


def test_curvature_of_going_back_is_pi() -> None:
    rows = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    assert curvature(rows, all_of(rows)).item() == pytest.approx(math.pi, abs=1e-3)


def test_curvature_is_the_mean_of_turns_and_does_not_see_padding() -> None:
    straight_then_right = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0]])
    rows = torch.stack([straight_then_right, straight_then_right])
    rows = torch.cat([rows, 9.0 * random_rows(2, 2, 2)], dim=1)
    mask = torch.tensor([[True] * 4 + [False] * 2, [True] * 3 + [False] * 3])
    assert curvature(rows, mask).tolist() == pytest.approx([math.pi / 4, 0.0], abs=1e-3)


def test_curvature_leaves_out_steps_of_no_length() -> None:
    rows = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]]])
    assert curvature(rows, all_of(rows)).item() == pytest.approx(math.pi / 2)


def test_curvature_of_two_rows_is_not_a_number() -> None:
    rows = random_rows(1, 2, 3)
    assert math.isnan(curvature(rows, all_of(rows)).item())


def test_info_nce_of_equal_sentences_is_log_of_their_number() -> None:
    rows = random_rows(1, 7).expand(5, 7)
    assert info_nce(rows, rows).item() == pytest.approx(math.log(5), abs=1e-5)


def test_info_nce_of_orthogonal_sentences_and_their_copies() -> None:
    # cosine 1 with the own copy, 0 with the two others
    expected = math.log(1 + 2 * math.exp(-1 / 0.5))
    found = info_nce(torch.eye(3, 4), 7.0 * torch.eye(3, 4), temperature=0.5)
    assert found.item() == pytest.approx(expected)


def test_info_nce_is_worse_where_copies_belong_to_others() -> None:
    rows = random_rows(6, 9)
    assert info_nce(rows, rows.roll(1, dims=0)) > info_nce(rows, rows + 0.3 * random_rows(6, 9))


def test_update_ratio_is_the_length_of_the_change_by_that_of_the_state() -> None:
    before, after = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[3.0, 4.0], [0.0, -2.0]])
    assert update_ratio(before, after).tolist() == [0.0, 2.0]
