"""Attention over layers: the formula against plain loops, and what a sure query reads."""

from __future__ import annotations

import math

import pytest
import torch

from extract.encoder.fusion.cross_attention import LayerAttention
from extract.errors import RecipeError
from tests.extract.encoder.fusion.build import fusion_of, one_piece, random_states


def test_formula_against_loops() -> None:
    states = random_states(4, 2, 3, 6)
    fusion = fusion_of(4, 6, name="cross_attention", n_heads=3)
    assert isinstance(fusion, LayerAttention)
    with torch.no_grad():
        fusion.queries.mul_(100)
        fusion.layer_weights.copy_(torch.randn(3, 3, 5))
    fused = fusion(states)
    for task in range(3):
        for row in range(2):
            for piece in range(3):
                h = torch.stack([layer[row, piece] for layer in states.layers])  # (layers, hidden)
                heads = []
                for head in range(3):
                    scores = h @ fusion.queries[task, head] / math.sqrt(6)
                    shares = (scores + fusion.layer_weights[task, head]).softmax(0)
                    heads.append(fusion.values[head] @ (shares @ h))
                expected = fusion.residual(h[-1], fusion.out(torch.cat(heads)))
                torch.testing.assert_close(fused[task][row, piece], expected)


def test_tasks_that_are_sure_read_their_own_layer() -> None:
    fusion = fusion_of(2, 2, name="cross_attention", n_heads=1)
    assert isinstance(fusion, LayerAttention)
    with torch.no_grad():
        fusion.layer_weights.copy_(100 * torch.eye(3).view(3, 1, 3))  # task t reads layer t
        fusion.values.copy_(torch.eye(2).unsqueeze(0))
        fusion.out.weight.copy_(torch.eye(2))
        fusion.out.bias.zero_()
        fusion.residual.norm.weight.fill_(1.0)
    fused = fusion(one_piece([8.0, 2.0], [3.0, 7.0], [5.0, 1.0]))
    # Normalised, the three layers are (1, -1), (-1, 1) and (1, -1).
    expected = torch.tensor([[6.0, 0.0], [4.0, 2.0], [6.0, 0.0]])
    torch.testing.assert_close(torch.stack(fused)[:, 0, 0], expected, atol=1e-4, rtol=0)


def test_heads_that_do_not_divide_the_width_name_both_numbers() -> None:
    with pytest.raises(RecipeError, match="divides the encoder's width 6, got 4"):
        fusion_of(4, 6, name="cross_attention")
