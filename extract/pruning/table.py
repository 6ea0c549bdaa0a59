"""What pruning measured and kept, as a table or for JSON."""

from __future__ import annotations

from typing import Any

from extract.models.folder import Settings
from extract.pruning.influence import Influence


def as_dict(settings: Settings, measured: Influence | None) -> dict[str, Any]:
    """The kept layers by their number in the encoder, and what was measured of the model's layers."""
    encoder = settings.model.encoder
    layers = encoder.layers or tuple(range(1, (encoder.n_layers or 0) + 1))
    found: dict[str, Any] = {"kept": list(layers), "fusion": settings.model.fusion.model_dump()}
    if measured is not None:
        found |= {
            "n_pieces": measured.n_pieces,
            "block_influence": list(measured.blocks),
            "n_removed": measured.n_removed,
            "distance_around_block": list(measured.distances),
        }
    return found


def to_text(found: dict[str, Any]) -> str:
    """Lines for a reader."""
    lines = [f"kept layers: {', '.join(map(str, found['kept']))}"]
    if "block_influence" in found:
        lines += [
            f"layer {at}: influence {value:.4f}"
            for at, value in enumerate(found["block_influence"], 1)
        ]
        n = found["n_removed"]
        lines += [
            f"layers {at} to {at + n - 1}: angular distance around them {value:.4f}"
            for at, value in enumerate(found["distance_around_block"], 1)
        ]
    return "\n".join(lines)
