"""A tree of nodes that combine two neighbours, from all layers to one state."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from extract.encoder.fusion.base import Fusion, FusionConfig, TaskStates, register_fusion
from extract.encoder.fusion.residual import SmallResidual
from extract.encoder.pretrained import LayerStates


class AggregationNode(nn.Module):
    """Combines a shallow and a deep state: deep + norm(gelu(W [shallow; deep] + b))."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.project = nn.Linear(2 * hidden, hidden)
        self.residual = SmallResidual(hidden)

    def forward(self, shallow: Tensor, deep: Tensor) -> Tensor:
        """Both (batch, pieces, hidden), as the result is."""
        joined = self.project(torch.cat([shallow, deep], dim=-1))
        combined: Tensor = self.residual(deep, gelu(joined))
        return combined


@register_fusion("aggregation_tree")
class AggregationTree(Fusion):
    """Neighbouring layers are combined two by two, then the results, until one is left.

    N(x_1, x_2) = x_2 + norm(gelu(W [x_1; x_2] + b)), a node of its own for each pair.

    Yu et al. 2018, Deep Layer Aggregation (hierarchical aggregation).
    Differs from the paper: its node is relu(batch norm(W [x_1; x_2] + b) + x_2); here the
    nonlinearity stands within the residual and the norm, a layer norm, has a scale that starts small,
    so that every node starts near its deeper side. Results are not fed back into the encoder, whose
    layers are trained already. Pairs are made from the last layer on; an odd first one waits.
    """

    least = 2

    def __init__(self, config: FusionConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        self.nodes = nn.ModuleList(AggregationNode(hidden) for _ in self.chosen[1:])

    def forward(self, states: LayerStates) -> TaskStates:
        level = [states.layers[i] for i in self.chosen]
        nodes = iter(self.nodes)
        while len(level) > 1:
            first = len(level) % 2
            level = level[:first] + [
                next(nodes)(level[i], level[i + 1]) for i in range(first, len(level), 2)
            ]
        fused = level[0]  # (batch, pieces, hidden)
        return fused, fused, fused
