"""A low layer, transported to the pieces of a high one and gated into it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from extract.encoder.fusion.base import (
    Fusion,
    FusionConfig,
    TaskStates,
    one_chosen,
    register_fusion,
)
from extract.encoder.fusion.residual import SmallResidual
from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError


class OptimalTransportConfig(FusionConfig):
    """Settings of transport between two layers; the high one is the last of `layers`."""

    low: int | None = Field(
        None, ge=0, description="layer that is transported; by default a third of the way up"
    )
    width: int = Field(64, ge=1, description="width of the projections that costs are taken from")
    epsilon: float = Field(
        0.1, ge=0.05, description="weight of the entropy; costs lie in 0..2, smaller is sharper"
    )
    iterations: int = Field(20, ge=1, description="rounds of Sinkhorn scaling")


@register_fusion("optimal_transport")
class OptimalTransport(Fusion):
    """States of a low layer, moved by entropic optimal transport to the pieces of a high layer.

    C_ij = 1 - cos(A h_high_i, B h_low_j);
    T = argmin_T <T, C> - epsilon H(T), with 1/n in every row and column, for the n pieces of a window;
    m_i = n sum_j T_ij h_low_j;  h_i = h_high_i + norm(sigmoid(W [h_high_i; m_i] + b) * m_i).

    Lin et al. 2025, REMOTE: A Unified Multimodal Relation Extraction Framework with Multilevel
    Optimal Transport and Mixture-of-Experts (the text path of its multilevel fusion; by Xinkui Lin,
    Yongxiu Xu, Minghao Tang, Shilong Zhang, Hongbo Xu, Hao Xu and Yubin Wang, ACM Multimedia 2025).
    Compared with the authors' code (OptimalTransportCrossAttention); the paper's text was not seen.
    Differs from the authors' code: one low layer is moved to the last layer after the encoder, where
    theirs moves all layers further down to each layer within it; costs are cosine distances of narrow
    projections over epsilon, not Euclidean ones of layer-normed wide projections over its square;
    padding has no mass; scaling ends with the rows, not the columns; transported states are rescaled to
    averages, gated by feature and added with a norm whose scale starts small, where theirs adds the
    plan times the states with one learned factor that starts at 1.
    Differs from the paper: as from the code, as far as that follows it.

    Raises `RecipeError` if the low layer is not among the fused ones, or is the last of them.
    """

    Config = OptimalTransportConfig
    least = 2
    by_piece = False

    def __init__(self, config: OptimalTransportConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        self.high = self.chosen[-1]
        self.low = one_chosen(config.low, 1 / 3, self.chosen, "low")
        if self.low == self.high:
            raise RecipeError(f"Expected low to be another layer than the last, got {self.low}.")
        self.epsilon, self.iterations = config.epsilon, config.iterations
        self.of_high = nn.Linear(hidden, config.width)
        self.of_low = nn.Linear(hidden, config.width)
        self.gate = nn.Linear(2 * hidden, hidden)
        self.residual = SmallResidual(hidden)

    def plan(self, states: LayerStates) -> Tensor:
        """(batch, pieces of the high layer, pieces of the low one): how much goes where."""
        high = normalize(self.of_high(states.layers[self.high]).float(), dim=-1)
        low = normalize(self.of_low(states.layers[self.low]).float(), dim=-1)
        mask = states.mask
        if mask is None:
            mask = torch.ones(high.shape[:2], dtype=torch.bool, device=high.device)
        # Scaling takes tens of products in a row: bfloat16 would not keep the sums.
        with torch.autocast(high.device.type, enabled=False):
            return sinkhorn(1 - high @ low.transpose(1, 2), mask, self.epsilon, self.iterations)

    def forward(self, states: LayerStates) -> TaskStates:
        high, low = states.layers[self.high], states.layers[self.low]
        plan = self.plan(states)
        share = plan / plan.sum(dim=-1, keepdim=True).clamp(min=1e-12)  # zeros for padding
        moved = share.to(low.dtype) @ low  # (batch, pieces, hidden)
        gate = self.gate(torch.cat([high, moved], dim=-1)).sigmoid()
        fused = self.residual(high, gate * moved)
        return fused, fused, fused

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """As `Fusion.renumbered`; the low layer is named."""
        config, state = super().renumbered(config, number)
        return config.model_copy(update={"low": number[self.low]}), state


def sinkhorn(cost: Tensor, mask: Tensor, epsilon: float, iterations: int) -> Tensor:
    """The entropic transport plan between real pieces with equal mass.

    T = diag(u) K diag(v), K = exp(-cost / epsilon), where u and v are scaled in turns to give rows
    and columns their mass; rows come last and are exact, columns as near as the rounds bring them.
    Cuturi 2013, Sinkhorn Distances: Lightspeed Computation of Optimal Transport.
    Differs from the paper: a fixed number of rounds, and padding is left out.

    Args:
        cost: (batch, pieces, pieces), float32, at least 0; `cost / epsilon` of at most about 40,
            or K leaves the range of float32.
        mask: (batch, pieces), true for real pieces, which are the same on both sides.
        epsilon: weight of the entropy, above 0.

    Returns: (batch, pieces, pieces); a row or column of a real piece sums to 1 / pieces of its
        window, padding is 0.
    """
    real = mask.to(cost.dtype)
    mass = real / real.sum(dim=-1, keepdim=True).clamp(min=1.0)  # (batch, pieces)
    kernel = (-cost / epsilon).exp() * real.unsqueeze(2) * real.unsqueeze(1)
    padding = 1 - real  # in place of sums that are 0, so that nothing is divided by it
    rows = torch.ones_like(mass)
    for _ in range(iterations):
        columns = mass / ((rows.unsqueeze(1) @ kernel).squeeze(1) + padding)
        rows = mass / ((kernel @ columns.unsqueeze(2)).squeeze(2) + padding)
    return rows.unsqueeze(2) * kernel * columns.unsqueeze(1)
