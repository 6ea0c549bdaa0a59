"""Layers at exponential distances from the last, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from extract.encoder.fusion.base import FusionConfig, chosen_layers, register_fusion
from extract.encoder.fusion.mixes import ConcatProject


class SparseOffsetsConfig(FusionConfig):
    """Settings of sparse aggregation."""

    base: int = Field(2, ge=2, description="distances from the last layer are powers of this")


@register_fusion("sparse_offsets")
class SparseOffsets(ConcatProject):
    """The last layer and those 1, c, c^2, ... before it: h = W [...; h_{L-c}; h_{L-1}; h_L] + b.

    Zhu et al. 2018, Sparsely Aggregated Convolutional Networks (aggregation by concatenation).
    Differs from the paper: only the last layer aggregates, since the encoder's layers are trained
    already, and reads its own output too; the projection starts as a copy of the last layer.
    """

    Config = SparseOffsetsConfig

    def __init__(self, config: SparseOffsetsConfig, n_layers: int, hidden: int) -> None:
        layers = at_offsets(chosen_layers(config, n_layers), config.base)
        super().__init__(config.model_copy(update={"layers": layers}), n_layers, hidden)
        self.offered = chosen_layers(config, n_layers)

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """As `Fusion.renumbered`; the offsets are taken among as many layers as before."""
        layers = tuple(number[layer] for layer in self.offered)
        return config.model_copy(update={"layers": layers}), self.state_dict()


def at_offsets(layers: tuple[int, ...], base: int) -> tuple[int, ...]:
    """The last of `layers` and those 1, base, base^2, ... places before it, in their order."""
    offsets, offset = [0], 1
    while offset < len(layers):
        offsets.append(offset)
        offset *= base
    return tuple(layers[-1 - offset] for offset in reversed(offsets))
