"""Trainable queries, one set a task, that attend over the layers of each position."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import nn

from extract.encoder.fusion.base import (
    TASKS,
    Fusion,
    FusionConfig,
    TaskStates,
    register_fusion,
    stack_chosen,
)
from extract.encoder.fusion.residual import SmallResidual
from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError


class CrossAttentionConfig(FusionConfig):
    """Settings of attention over layers."""

    n_heads: int = Field(4, ge=1, description="queries of a task; divides the hidden width")


@register_fusion("cross_attention")
class LayerAttention(Fusion):
    """At each position, queries of each task attend over the outputs of all layers.

    a_tnl = softmax_l(q_tn . h_l / sqrt(hidden) + b_tnl) for task t and head n;
    h_t = h_last + norm(W_o [V_1 sum_l a_t1l h_l; V_2 sum_l a_t2l h_l; ...]).

    Tang and Yang 2024, Pooling And Attention: What Are Effective Designs For LLM-Based Embedding
    Models? (multi-layers trainable pooling). Differs from the paper: each position of a text is
    pooled, not one vector a text; each task has queries of its own; keys are the layers themselves,
    since a query times a projection is but another query; the layers' learned weights are added to
    the scores; the result is a residual to the last layer whose scale starts small.

    Raises `RecipeError` if the number of heads does not divide the hidden width.
    """

    Config = CrossAttentionConfig
    least = 2

    def __init__(self, config: CrossAttentionConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        n_heads = config.n_heads
        if hidden % n_heads:
            raise RecipeError(
                f"Expected n_heads that divides the encoder's width {hidden}, got {n_heads}."
            )
        self.queries = nn.Parameter(torch.randn(len(TASKS), n_heads, hidden) * 0.02)
        self.layer_weights = nn.Parameter(torch.zeros(len(TASKS), n_heads, len(self.chosen)))
        self.values = nn.Parameter(
            torch.randn(n_heads, hidden // n_heads, hidden) / math.sqrt(hidden)
        )
        self.out = nn.Linear(hidden, hidden)
        self.residual = SmallResidual(hidden)

    def forward(self, states: LayerStates) -> TaskStates:
        stacked = stack_chosen(states.layers, self.chosen)  # (batch, pieces, layers, hidden)
        last = stacked[:, :, -1]
        scores = torch.einsum("bplh,tnh->bptnl", stacked, self.queries) / math.sqrt(last.shape[-1])
        shares = (scores + self.layer_weights).softmax(dim=-1).to(stacked.dtype)
        read = torch.einsum("bptnl,bplh->bptnh", shares, stacked)  # all heads, each in full width
        values = torch.einsum("bptnh,nvh->bptnv", read, self.values)
        update = self.out(values.flatten(-2))  # (batch, pieces, tasks, hidden)
        entities, relations, qualifiers = self.residual(last.unsqueeze(2), update).unbind(2)
        return entities, relations, qualifiers
