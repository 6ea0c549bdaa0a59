"""Layers in groups, a summary a group, the groups fused by gates."""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from extract.encoder.fusion.base import (
    Fusion,
    FusionConfig,
    TaskStates,
    register_fusion,
    stack_chosen,
)
from extract.encoder.fusion.residual import SmallResidual
from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError


class GroupedConfig(FusionConfig):
    """Settings of grouped fusion."""

    n_groups: int = Field(3, ge=1, description="groups of neighbouring layers")


@register_fusion("grouped")
class GroupedFusion(Fusion):
    """Groups of neighbouring layers, each summarised, fused by one gate a group.

    g_k = sum_{l in group k} softmax(v_k)_l h_l;  h = h_last + norm(sum_k sigmoid(w_k) g_k).

    Yang et al. 2022, GTrans: Grouping and Fusing Transformer Layers for Neural Machine Translation.
    Differs from the paper: a group is summarised by learned weights that start as its average; the
    layers are a pretrained encoder's and not trained with the fusion from the start, so the norm is
    put on a residual to the last layer whose scale starts small.

    Raises `RecipeError` if there are more groups than layers.
    """

    Config = GroupedConfig

    def __init__(self, config: GroupedConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        self.sizes = group_sizes(len(self.chosen), config.n_groups)
        self.weights = nn.Parameter(torch.zeros(len(self.chosen)))
        self.gates = nn.Parameter(torch.zeros(config.n_groups))
        self.residual = SmallResidual(hidden)

    def shares(self) -> Tensor:
        """(layers,): what each layer adds, its weight in its group times the group's gate."""
        groups = self.weights.split(self.sizes)
        inner = [group.softmax(dim=0) for group in groups]
        return torch.cat(
            [gate * part for gate, part in zip(self.gates.sigmoid(), inner, strict=True)]
        )

    def forward(self, states: LayerStates) -> TaskStates:
        stacked = stack_chosen(states.layers, self.chosen)  # (batch, pieces, layers, hidden)
        mixed = torch.einsum("l,bplh->bph", self.shares().to(stacked.dtype), stacked)
        fused = self.residual(stacked[:, :, -1], mixed)  # (batch, pieces, hidden)
        return fused, fused, fused


def group_sizes(n_layers: int, n_groups: int) -> list[int]:
    """Sizes of neighbouring groups, as even as can be. Raises `RecipeError` if one would be empty."""
    if n_groups > n_layers:
        raise RecipeError(
            f"Expected n_groups of at most {n_layers}, the number of fused layers, got {n_groups}."
        )
    bounds = [round(k * n_layers / n_groups) for k in range(n_groups + 1)]
    return [end - start for start, end in pairwise(bounds)]
