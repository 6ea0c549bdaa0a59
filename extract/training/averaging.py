"""An exponential moving average of the weights, which is what gets evaluated and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_FILE = "average.safetensors"


class WeightAverage:
    """average <- d * average + (1 - d) * weights after each step, with d warmed up.

    Polyak and Juditsky 1992, Acceleration of Stochastic Approximation by Averaging.
    Differs from the paper: exponential weights, so that early steps are forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.n_steps = 0
        self.names = [name for name, p in model.named_parameters() if p.requires_grad]
        self.weights = [p for p in model.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.weights]

    @torch.no_grad()
    def step(self) -> None:
        """Take the current weights into the average."""
        self.n_steps += 1
        decay = min(self.decay, self.n_steps / (self.n_steps + 10))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.weights], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model with the averaged weights inside the block, with its own after it."""
        own = [p.detach().clone() for p in self.weights]
        self._assign(self.average)
        try:
            yield
        finally:
            self._assign(own)

    @torch.no_grad()
    def _assign(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.weights, values, strict=True):
            parameter.copy_(value)

    def save(self, folder: str | Path) -> None:
        """Write the average into a checkpoint folder."""
        tensors = dict(zip(self.names, self.average, strict=True))
        save_file(tensors, Path(folder) / _FILE, metadata={"n_steps": str(self.n_steps)})

    def load(self, folder: str | Path, n_steps: int) -> None:
        """Read the average of step `n_steps` back from a checkpoint folder."""
        tensors = load_file(Path(folder) / _FILE)
        for value, name in zip(self.average, self.names, strict=True):
            value.copy_(tensors[name])
        self.n_steps = n_steps
