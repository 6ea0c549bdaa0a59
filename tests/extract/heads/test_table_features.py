"""Known features of cells: bins of distances, shapes of words, and their vectors, by hand."""

from __future__ import annotations

import torch

from extract.encoder.shapes import SHAPES
from extract.heads.table_features import (
    N_DISTANCES,
    TableFeatures,
    binned_distances,
    shapes_of_words,
)
from tests.extract.heads.cases import make_text


def test_distances_are_signed_and_binned() -> None:
    bins = binned_distances(70, torch.device("cpu"))
    assert bins.shape == (70, 70)
    middle = N_DISTANCES // 2
    expected = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 7: 5, 8: 6, 15: 6, 16: 7, 31: 7, 32: 8, 69: 8}
    for distance, number in expected.items():
        assert bins[0, distance] == middle + number  # the column's word comes after
        assert bins[distance, 0] == middle - number
    assert bins[40, 33] == bins[20, 13]  # only the distance counts
    assert (int(bins.min()), int(bins.max())) == (0, N_DISTANCES - 1)


def test_shape_of_a_word_is_that_of_its_pieces() -> None:
    lower, digits, upper = (SHAPES.index(name) for name in ("lower", "digits", "upper"))
    text = make_text(
        word_of_piece=[[-1, 0, 0, 1, 2, -1], [-1, 0, 1, -1, -1, -1]],
        shape_of_piece=[[0, digits, digits, lower, upper, 0], [0, upper, lower, 0, 0, 0]],
    )
    shapes = shapes_of_words(text, 3)
    assert shapes[0].tolist() == [digits, lower, upper]
    assert shapes[1, :2].tolist() == [upper, lower]


def test_vector_of_a_cell_is_the_sum_of_its_features_by_hand() -> None:
    torch.manual_seed(0)
    features = TableFeatures(n_entity_types=3, channels=5)
    types = torch.rand(2, 4, 3)
    shapes = torch.tensor([[1, 2, 3, 4], [6, 6, 0, 11]])
    found = features(types, shapes)
    assert found.shape == (2, 4, 4, 5)
    middle = N_DISTANCES // 2
    for b in range(2):
        for i in range(4):
            for j in range(4):
                expected = (
                    features.row_types.weight @ types[b, i]
                    + features.column_types.weight @ types[b, j]
                    + features.row_shapes.weight[shapes[b, i]]
                    + features.column_shapes.weight[shapes[b, j]]
                    + features.distances.weight[
                        middle + j - i
                    ]  # distances below 5: bins of their own
                )
                torch.testing.assert_close(found[b, i, j], expected)
