"""Convolution along the layer axis: depth, windows, and the formula against plain loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from extract.encoder.fusion import fusion_config
from extract.encoder.fusion.layer_conv import LayerConv, conv_levels
from tests.extract.encoder.fusion.build import fusion_of, one_piece, random_states


@pytest.mark.parametrize(("n_layers", "depth"), [(6, 3), (12, 4), (24, 5), (48, 6)])
def test_depth_is_logarithmic_in_the_number_of_layers(n_layers: int, depth: int) -> None:
    fusion = fusion_of(n_layers, 2, name="layer_conv")
    assert isinstance(fusion, LayerConv)
    assert len(fusion.convs) == depth  # of n_layers + 1 outputs


@given(n_layers=st.integers(1, 200), stride=st.integers(2, 5), wider=st.integers(0, 4))
def test_levels_halve_and_leave_no_layer_out(n_layers: int, stride: int, wider: int) -> None:
    levels = conv_levels(n_layers, stride + wider, stride)
    assert stride ** len(levels) >= n_layers
    assert not levels or stride ** (len(levels) - 1) < n_layers
    left = n_layers
    for kernel, fill in levels:
        assert 0 <= fill < kernel <= left
        starts = range(0, left + fill - kernel + 1, stride)
        covered = {at - fill for start in starts for at in range(start, start + kernel)}
        assert covered >= set(range(left))
        assert max(covered) == left - 1  # the last window ends at the last layer
        left = len(starts)
    assert left == 1


def test_formula_by_hand() -> None:
    """Sums over windows of two, cut off below 0: (1, 0), then (0, 3) + (5, -9), which is (5, 0)."""
    fusion = fusion_of(2, 2, name="layer_conv", kernel=2, stride=2)
    assert isinstance(fusion, LayerConv)
    with torch.no_grad():
        for conv in fusion.convs:
            conv.weight.copy_(torch.eye(2).unsqueeze(-1).expand(2, 2, 2))
            conv.bias.zero_()
        fusion.convs[-1].bias.copy_(torch.tensor([-4.0, 1.0]))  # type: ignore[operator, union-attr]
        fusion.residual.norm.weight.fill_(1.0)
    given_states = one_piece([1.0, 0.0], [0.0, 3.0], [5.0, -9.0])
    # (1, 0) + (5, 0) + (-4, 1) is (2, 1), which is (1, -1) when normalised.
    torch.testing.assert_close(
        fusion(given_states)[0], torch.tensor([[[6.0, -10.0]]]), atol=1e-3, rtol=0
    )


def test_formula_against_loops() -> None:
    states = random_states(6, 2, 3, 5)
    fusion = fusion_of(6, 5, name="layer_conv", kernel=3, stride=2)
    assert isinstance(fusion, LayerConv)
    fused = fusion(states)[0]
    for row in range(2):
        for piece in range(3):
            level = [layer[row, piece] for layer in states.layers]
            for conv in fusion.convs:
                inputs, kernel, level = level, conv.weight.shape[-1], []
                for end in range(len(inputs) - 1, -1, -2):
                    total = conv.bias.clone()
                    for tap in range(kernel):
                        at = end - kernel + 1 + tap
                        if at >= 0:
                            total = total + conv.weight[:, :, tap] @ inputs[at]
                    level.insert(0, total.clamp(min=0))
            (left,) = level
            last = states.layers[-1][row, piece]
            torch.testing.assert_close(fused[row, piece], fusion.residual(last, left))


def test_kernel_that_skips_layers_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"kernel of at least stride \(3\).* got 2"):
        fusion_config({"name": "layer_conv", "kernel": 2, "stride": 3})
