"""Grouped fusion: group sizes, shares, and the formula on numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.fusion.grouped import GroupedFusion, group_sizes
from extract.errors import RecipeError
from tests.extract.encoder.fusion.build import fusion_of, one_piece


@given(st.data())
def test_groups_are_whole_and_even(data: st.DataObject) -> None:
    n_layers = data.draw(st.integers(1, 49))
    sizes = group_sizes(n_layers, data.draw(st.integers(1, n_layers)))
    assert sum(sizes) == n_layers
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1


def test_more_groups_than_layers_name_both_numbers() -> None:
    with pytest.raises(RecipeError, match=r"n_groups of at most 3, .* fused layers, got 4"):
        fusion_of(6, 2, name="grouped", layers=[2, 4, 6], n_groups=4)


def test_formula_by_hand() -> None:
    """Last layers (3, 0) and (0, 6); gates 3/4 and 1/2; the mean (1.125, 1.5) is (-1, 1) when normalised."""
    fusion = fusion_of(3, 2, name="grouped", n_groups=2)
    assert isinstance(fusion, GroupedFusion)
    with torch.no_grad():
        fusion.gates.copy_(torch.tensor([math.log(3.0), 0.0]))
        fusion.residual.norm.weight.fill_(0.5)
    torch.testing.assert_close(fusion.shares(), torch.tensor([0.375, 0.25]))
    fused = fusion(one_piece([1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 6.0]))[0]
    torch.testing.assert_close(fused, torch.tensor([[[-0.5, 6.5]]]), atol=1e-3, rtol=0)


def test_groups_are_read_at_their_last_layers() -> None:
    fusion = fusion_of(6, 2, name="grouped", n_groups=3)
    assert isinstance(fusion, GroupedFusion)
    assert fusion.sizes == [2, 3, 2]
    assert fusion.read == (1, 4, 6)
    chosen = fusion_of(6, 2, name="grouped", layers=[1, 2, 3, 4, 5, 6])
    assert chosen.read == (2, 4, 6)  # as the paper cuts six layers in three


def test_mixed_groups_by_hand() -> None:
    """Averages (2, 0) and (0, 4); gates 3/4 and 1/2; the mean (0.75, 1) is (-1, 1) when normalised."""
    fusion = fusion_of(3, 2, name="grouped", n_groups=2, summary="mix")
    assert isinstance(fusion, GroupedFusion)
    with torch.no_grad():
        fusion.gates.copy_(torch.tensor([math.log(3.0), 0.0]))
        fusion.residual.norm.weight.fill_(0.5)
    shares = torch.tensor([0.1875, 0.1875, 0.125, 0.125])
    torch.testing.assert_close(fusion.shares(), shares)
    fused = fusion(one_piece([1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 6.0]))[0]
    torch.testing.assert_close(fused, torch.tensor([[[-0.5, 6.5]]]), atol=1e-3, rtol=0)


def test_weights_of_a_mixed_group_shift_it_alone() -> None:
    fusion = fusion_of(3, 2, name="grouped", n_groups=2, summary="mix")
    assert isinstance(fusion, GroupedFusion)
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([0.0, math.log(4.0), 0.0, 0.0]))
    torch.testing.assert_close(fusion.shares(), torch.tensor([0.05, 0.2, 0.125, 0.125]))
