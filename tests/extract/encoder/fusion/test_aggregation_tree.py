"""The tree: which pairs are combined, and a node on numbers worked by hand."""

from __future__ import annotations

import pytest
import torch

from extract.encoder.fusion.aggregation_tree import AggregationNode, AggregationTree
from tests.extract.encoder.fusion.build import fusion_of, random_states


def test_node_by_hand() -> None:
    """W sums crosswise: (1 + 4, 2 + 3) - (0, 9) = (5, -4); gelu gives about (5, 0), normalised (1, -1)."""
    node = AggregationNode(2)
    with torch.no_grad():
        node.project.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]))
        node.project.bias.copy_(torch.tensor([0.0, -9.0]))
        node.residual.norm.weight.fill_(2.0)
    combined = node(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, 4.0]]]))
    torch.testing.assert_close(combined, torch.tensor([[[5.0, 2.0]]]), atol=1e-3, rtol=0)


def test_pairs_of_six_outputs() -> None:
    states = random_states(5, 2, 3, 4)
    fusion = fusion_of(5, 4, name="aggregation_tree")
    assert isinstance(fusion, AggregationTree)
    n, (a, b, c, d, e, f) = fusion.nodes, states.layers
    expected = n[4](n[0](a, b), n[3](n[1](c, d), n[2](e, f)))
    torch.testing.assert_close(fusion(states)[0], expected)


def test_an_odd_first_layer_waits() -> None:
    states = random_states(4, 2, 3, 4)
    fusion = fusion_of(4, 4, name="aggregation_tree")
    assert isinstance(fusion, AggregationTree)
    n, (a, b, c, d, e) = fusion.nodes, states.layers
    torch.testing.assert_close(fusion(states)[0], n[3](a, n[2](n[0](b, c), n[1](d, e))))


@pytest.mark.parametrize("n_layers", [1, 2, 6, 12, 24])
def test_each_layer_but_one_has_a_node(n_layers: int) -> None:
    fusion = fusion_of(n_layers, 2, name="aggregation_tree")
    assert isinstance(fusion, AggregationTree)
    assert len(fusion.nodes) == n_layers
