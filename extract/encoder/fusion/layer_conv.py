"""Convolutions along the layer axis, level over level, until one layer is left."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import nn
from torch.nn.functional import pad, relu

from extract.encoder.fusion.base import Fusion, FusionConfig, TaskStates, register_fusion
from extract.encoder.fusion.residual import SmallResidual
from extract.encoder.pretrained import LayerStates


class LayerConvConfig(FusionConfig):
    """Settings of the convolution along the layer axis."""

    kernel: int = Field(3, ge=2, description="neighbouring layers that one window covers")
    stride: int = Field(2, ge=2, description="layers from one window to the next")

    @model_validator(mode="after")
    def _covers_every_layer(self) -> LayerConvConfig:
        if self.kernel < self.stride:
            raise ValueError(
                f"Expected kernel of at least stride ({self.stride}), or layers are skipped, "
                f"got {self.kernel}."
            )
        return self


@register_fusion("layer_conv")
class LayerConv(Fusion):
    """A hierarchy of convolutions over the layers of each position, shared by all positions.

    x_0 = (h_1, ..., h_L);  x_{i+1} = relu(conv_i(x_i)), whose length is that of x_i over the stride,
    rounded up; depth is therefore logarithmic in L;  h = h_last + norm(x_depth).

    Shih and Harwath 2024, Interface Design for Self-Supervised Speech Models (hierarchical convolution).
    Differs from the authors' code (SSL_Interface 0.1.0, its HierarchicalConvInterface, against which
    this was checked; the paper's own equation was not seen): that stops after floor(log L) levels, base
    the stride, whose last has narrow outputs, and puts the layers that are left side by side, where this
    one goes on to one layer of full width. Its kernel and stride are 5 and 3. Both ends are
    filled with zeros there; here only the first window is, so that the last one ends at the last layer.
    Differs from the paper: what is left is a residual to the last layer whose scale starts small.
    """

    Config = LayerConvConfig
    least = 2

    def __init__(self, config: LayerConvConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        levels = conv_levels(len(self.chosen), config.kernel, config.stride)
        self.fill = [fill for _, fill in levels]
        self.convs = nn.ModuleList(
            nn.Conv1d(hidden, hidden, kernel, config.stride) for kernel, _ in levels
        )
        self.residual = SmallResidual(hidden)

    def forward(self, states: LayerStates) -> TaskStates:
        last = states.layers[self.chosen[-1]]
        at_layers = torch.stack([states.layers[i] for i in self.chosen], dim=-1)
        left = at_layers.flatten(0, 1)  # (batch * pieces, hidden, layers)
        for conv, fill in zip(self.convs, self.fill, strict=True):
            left = relu(conv(pad(left, (fill, 0))))  # fewer layers each time
        fused = self.residual(last, left.view_as(last))  # (batch, pieces, hidden)
        return fused, fused, fused


def conv_levels(n_layers: int, kernel: int, stride: int) -> list[tuple[int, int]]:
    """Kernel and number of zeros in front, for each level from `n_layers` down to one.

    A kernel is never longer than what it runs over: the weights beyond would read zeros alone.
    """
    levels = []
    while n_layers > 1:
        n_windows = -(-n_layers // stride)
        size = min(kernel, n_layers)
        levels.append((size, (n_windows - 1) * stride + size - n_layers))
        n_layers = n_windows
    return levels
