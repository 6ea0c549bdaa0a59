"""Layers and fusions for the tests of single methods."""

from __future__ import annotations

from typing import Any

import torch

from extract.encoder.fusion import Fusion, build_fusion, fusion_config
from extract.encoder.pretrained import LayerStates


def random_states(n_layers: int, batch: int, pieces: int, hidden: int) -> LayerStates:
    """States of `n_layers` + 1 layers, the embedding output first."""
    make = torch.Generator().manual_seed(0)
    return LayerStates(
        tuple(torch.randn(batch, pieces, hidden, generator=make) for _ in range(n_layers + 1))
    )


def one_piece(*layers: list[float]) -> LayerStates:
    """The layers of a single piece of a single window."""
    return LayerStates(tuple(torch.tensor([[layer]]) for layer in layers))


def fusion_of(n_layers: int, hidden: int, **settings: Any) -> Fusion:
    """A fusion by its settings, with the same random start each time."""
    torch.manual_seed(1)
    return build_fusion(fusion_config(settings), n_layers, hidden)
