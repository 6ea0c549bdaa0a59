"""How a model's tensors are stored: as float16, or matrices as 8-bit numbers with a scale a row.

A row runs along the last axis. Its scale s is its largest absolute value / 127, and a value x is stored as
round(x / s), which is off by s / 2 at most. What is no matrix is stored as float16.

Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference (its uniform scheme). Differs from the paper: symmetric, without a zero point, a scale for each row;
the numbers are only stored so, and multiplied as floating point; of the encoder they are differences to the
published weights, which are smaller than the weights and so are their errors.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from extract.errors import ModelError

SCALE = ".scale"  # ends the name of a stored matrix's scales
_MOST = 127


def packed(name: str, value: Tensor, *, int8: bool, dtype: torch.dtype) -> dict[str, Tensor]:
    """What stands in the file for a tensor, by name."""
    if not value.is_floating_point():
        return {name: value.contiguous()}  # whole numbers are kept as they are
    if not int8 or value.dim() < 2:
        return {name: value.to(dtype).contiguous()}
    largest = value.abs().amax(dim=-1, keepdim=True)
    scale = (largest / _MOST).clamp(min=torch.finfo(torch.float32).tiny)
    return {
        name: (value / scale).round().to(torch.int8).contiguous(),
        name + SCALE: scale.squeeze(-1).float().contiguous(),
    }


def unpacked(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file. Raises `ModelError` for a matrix of 8-bit numbers without its scales."""
    values = {}
    for name, value in stored.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in stored:
            continue
        if value.dtype == torch.int8:
            scale = stored.get(name + SCALE)
            if scale is None or scale.shape != value.shape[:-1]:
                found = "none" if scale is None else f"one of {tuple(scale.shape)}"
                raise ModelError(
                    f"{name} is stored as 8-bit numbers: expected scales of {tuple(value.shape[:-1])}, got "
                    f"{found}. Fetch the model again."
                )
            value = value.float() * scale.float().unsqueeze(-1)
        values[name] = value
    return values
