"""States of table cells: block means by brute force, and a convolution that padding does not enter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from extract.encoder.pooling import span_membership
from extract.heads import cell_states
from extract.heads.cell_states import CellStates, TableConvolution, block_means

N_WORDS, CHANNELS, N_RELATIONS = 7, 3, 5


@st.composite
def spans_of_a_window(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, N_WORDS - 1))
    return start, draw(st.integers(start + 1, N_WORDS))


@given(st.lists(spans_of_a_window(), min_size=4, max_size=4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_block_mean_is_the_mean_of_the_cells_by_brute_force(
    spans: list[tuple[int, int]], seed: int
) -> None:
    make = torch.Generator().manual_seed(seed)
    cells = torch.randn(2, N_WORDS, N_WORDS, CHANNELS, generator=make)
    of = torch.tensor([spans[:2], spans[2:]])  # (batch, spans, 2)
    pairs = torch.tensor([(b, s, o) for b in range(2) for s in range(2) for o in range(2)])
    found = block_means(cells, span_membership(of, N_WORDS, torch.float32), pairs)
    assert found.shape == (8, CHANNELS)
    for (b, s, o), mean in zip(pairs.tolist(), found, strict=True):
        (a, z), (c, e) = of[b, s].tolist(), of[b, o].tolist()
        total = torch.zeros(CHANNELS)
        for i in range(a, z):
            for j in range(c, e):
                total += cells[b, i, j]
        torch.testing.assert_close(mean, total / ((z - a) * (e - c)))


def test_score_of_a_block_is_the_mean_score_of_its_cells() -> None:
    torch.manual_seed(0)
    cells = CellStates(torch.randn(1, N_WORDS, N_WORDS, CHANNELS), nn.Linear(CHANNELS, N_RELATIONS))
    member = span_membership(torch.tensor([[[1, 3], [2, 7]]]), N_WORDS, torch.float32)
    found = cells.block_scores(member, torch.tensor([[0, 0, 1], [0, 1, 0]]))
    scores = cells.scores()[0]  # (words, words, relations)
    expected = [scores[1:3, 2:7].mean(dim=(0, 1)), scores[2:7, 1:3].mean(dim=(0, 1))]
    torch.testing.assert_close(found, torch.stack(expected))


def make_convolution(n_layers: int) -> TableConvolution:
    torch.manual_seed(0)
    convolution = TableConvolution(CHANNELS, n_layers, dropout=0.5).eval()
    with torch.no_grad():
        for parameter in convolution.parameters():  # biases too: padding would show them
            parameter.copy_(torch.randn(parameter.shape))
    return convolution


@pytest.mark.parametrize("n_layers", [0, 1, 3])
@pytest.mark.parametrize("cells_at_once", [1, 150, 65536])
def test_padding_does_not_leak_through_the_convolution(
    n_layers: int, cells_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_states, "_CELLS_AT_ONCE", cells_at_once)
    convolution, lengths, width = make_convolution(n_layers), [4, 7, 1], 11
    make = torch.Generator().manual_seed(3)
    own = [torch.randn(n, n, CHANNELS, generator=make) for n in lengths]
    padded = 100 * torch.randn(3, width, width, CHANNELS, generator=make)  # whatever stands there
    for row, cells in enumerate(own):
        padded[row, : len(cells), : len(cells)] = cells
    mask = torch.arange(width) < torch.tensor(lengths).unsqueeze(1)
    with torch.inference_mode():
        together = convolution(padded, mask)
        for row, cells in enumerate(own):
            n = len(cells)
            alone = convolution(cells.unsqueeze(0), torch.ones(1, n, dtype=torch.bool))[0]
            torch.testing.assert_close(together[row, :n, :n], alone)
            assert together[row, n:].eq(0).all()
            assert together[row, :, n:].eq(0).all()


@pytest.mark.parametrize(("n_layers", "reach"), [(0, 0), (1, 1), (2, 3), (3, 7)])
def test_cell_reads_its_neighbours_as_far_as_the_layers_reach(n_layers: int, reach: int) -> None:
    convolution, n, at = make_convolution(n_layers), 19, (9, 10)
    make = torch.Generator().manual_seed(1)
    cells = torch.randn(1, n, n, CHANNELS, generator=make)
    other = cells.clone()
    other[0, at[0], at[1]] += torch.tensor([1.0, -2.0, 0.5])
    mask = torch.ones(1, n, dtype=torch.bool)
    with torch.inference_mode():
        moved = (convolution(cells, mask) - convolution(other, mask))[0].abs().sum(-1)
    rows, columns = moved.nonzero(as_tuple=True)
    for places, middle in ((rows, at[0]), (columns, at[1])):  # not farther, and on all sides so far
        assert (int(places.min()), int(places.max())) == (middle - reach, middle + reach)
