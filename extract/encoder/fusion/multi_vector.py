"""A few layers kept as several vectors a piece, of which each task pools those that score highest."""

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
from extract.encoder.pretrained import LayerStates

_N_VECTORS, _APART = 3, 2  # layers two apart, as the paper's best pair, 10 and 12 of 12


class MultiVectorConfig(FusionConfig):
    """Settings of multi-vector pooling; by default its `layers` are the last, and 2 and 4 before it."""

    temperature: float = Field(
        1.0, gt=0, description="of the pooling; towards 0 the best vector alone is taken"
    )


@register_fusion("multi_vector")
class MultiVector(Fusion):
    """Each task scores the vectors that some layers give a piece, and pools them by their scores.

    s_tl = q_t . h_l / sqrt(hidden) + b_tl;  h_t = sum_l softmax_l(s_tl / temperature) h_l, the vector
    that the soft maximum temperature * log sum_l exp(s_tl / temperature) compares the query with.

    Xie and Lukasiewicz 2025, Investigating Multi-layer Representations for Dense Passage Retrieval.
    Differs from the paper: there a passage keeps the first piece's vectors of some layers, and a
    query's score is the maximum over them; a head reads one state a word and has no query, so here
    every piece keeps its vectors, a learned query a task stands for the text's, and the maximum is
    soft and taken before words and spans are pooled, not after. Weights start at the last layer.
    """

    Config = MultiVectorConfig
    least = 2

    def __init__(self, config: MultiVectorConfig, n_layers: int, hidden: int) -> None:
        if config.layers is None:
            down = range(n_layers, -1, -_APART)[:_N_VECTORS]
            # One layer has no second one that far below: it goes with the embeddings.
            layers = tuple(reversed(down)) if len(down) > 1 else (0, n_layers)
            config = config.model_copy(update={"layers": layers})
        super().__init__(config, n_layers, hidden)
        self.temperature = config.temperature
        self.queries = nn.Parameter(torch.randn(len(TASKS), hidden) * 0.02)
        weights = torch.zeros(len(TASKS), len(self.chosen))
        weights[:, -1] = 3.0 * config.temperature
        self.weights = nn.Parameter(weights)

    def forward(self, states: LayerStates) -> TaskStates:
        stacked = stack_chosen(states.layers, self.chosen)  # (batch, pieces, layers, hidden)
        scores = torch.einsum("bplh,th->tbpl", stacked, self.queries) / math.sqrt(stacked.shape[-1])
        scores = scores + self.weights[:, None, None]
        shares = (scores / self.temperature).softmax(dim=-1).to(stacked.dtype)
        entities, relations, qualifiers = torch.einsum("tbpl,bplh->tbph", shares, stacked).unbind(0)
        return entities, relations, qualifiers
