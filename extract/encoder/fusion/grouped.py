"""Layers in groups, a summary a group, the groups fused by gates."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Literal

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
    summary: Literal["last", "mix"] = Field(
        "last", description="of a group: its last layer, or a learned weighted sum of its layers"
    )


@register_fusion("grouped")
class GroupedFusion(Fusion):
    """Groups of neighbouring layers, each summarised, fused by one gate a group.

    h = h_last + norm(1/K sum_k sigmoid(w_k) g_k), for the K groups, where g_k is the last layer of
    group k, or with `summary = "mix"` sum_{l in group k} softmax(v_k)_l h_l; all w and v start at 0.

    Yang et al. 2022, GTrans: Grouping and Fusing Transformer Layers for Neural Machine Translation.
    Checked against the encoder of the authors' code (GTransEncoder, group type "sparse"), which gives
    the norm alone; the paper's own equation was not seen.
    Differs from the paper: the layers are a pretrained encoder's and not trained with the fusion from
    the start, so the norm is put on a residual to the last layer whose scale starts small; groups may
    differ in size by one, and the embedding output counts as a layer unless `layers` leaves it out. The
    mix is not the paper's.

    Raises `RecipeError` if there are more groups than layers.
    """

    Config = GroupedConfig

    def __init__(self, config: GroupedConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        self.sizes = group_sizes(len(self.chosen), config.n_groups)
        self.mixed = config.summary == "mix"
        if self.mixed:
            self.read = self.chosen
            self.weights = nn.Parameter(torch.zeros(len(self.chosen)))
        else:
            self.read = tuple(self.chosen[end - 1] for end in accumulate(self.sizes))
        self.gates = nn.Parameter(torch.zeros(config.n_groups))
        self.residual = SmallResidual(hidden)

    def shares(self) -> Tensor:
        """(layers read,): what each layer adds, its weight in its group times the group's gate."""
        gates = self.gates.sigmoid() / len(self.sizes)
        if not self.mixed:
            return gates
        inner = [group.softmax(dim=0) for group in self.weights.split(self.sizes)]
        return torch.cat([gate * part for gate, part in zip(gates, inner, strict=True)])

    def forward(self, states: LayerStates) -> TaskStates:
        stacked = stack_chosen(states.layers, self.read)  # (batch, pieces, layers, hidden)
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
