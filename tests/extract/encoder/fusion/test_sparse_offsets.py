"""Sparse aggregation: which layers, and that they enter as written."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.fusion.sparse_offsets import SparseOffsets, at_offsets
from extract.errors import RecipeError
from tests.extract.encoder.fusion.build import fusion_of, random_states


@pytest.mark.parametrize(
    ("n_layers", "base", "layers"),
    [
        (6, 2, (2, 4, 5, 6)),
        (12, 2, (4, 8, 10, 11, 12)),
        (24, 2, (8, 16, 20, 22, 23, 24)),
        (8, 2, (0, 4, 6, 7, 8)),
        (24, 3, (15, 21, 23, 24)),
    ],
)
def test_layers_at_powers_from_the_last(n_layers: int, base: int, layers: tuple[int, ...]) -> None:
    assert fusion_of(n_layers, 2, name="sparse_offsets", base=base).chosen == layers


def test_distances_count_chosen_layers() -> None:
    fusion = fusion_of(24, 2, name="sparse_offsets", layers=[0, 4, 8, 12, 16, 20])
    assert fusion.chosen == (4, 12, 16, 20)


@given(n_layers=st.integers(1, 300), base=st.integers(2, 5))
def test_number_of_layers_is_logarithmic(n_layers: int, base: int) -> None:
    layers = at_offsets(tuple(range(n_layers)), base)
    assert layers[-1] == n_layers - 1
    assert sorted(set(layers)) == list(layers)
    assert min(layers) >= 0
    assert len(layers) <= 2 + math.log(n_layers, base)


def test_formula() -> None:
    states = random_states(6, 2, 3, 4)
    fusion = fusion_of(6, 4, name="sparse_offsets")
    assert isinstance(fusion, SparseOffsets)
    with torch.no_grad():
        fusion.project.weight.normal_()
        fusion.project.bias.normal_()
    expected = fusion.project.bias + sum(
        states.layers[layer] @ block.T
        for layer, block in zip((2, 4, 5, 6), fusion.project.weight.split(4, dim=1), strict=True)
    )
    torch.testing.assert_close(fusion(states)[0], expected)


def test_layer_that_is_not_there_is_refused_even_if_it_is_skipped() -> None:
    with pytest.raises(RecipeError, match=r"layers in 0\.\.6 .* got 9"):
        fusion_of(6, 2, name="sparse_offsets", layers=[9, 3, 4, 5, 6])
