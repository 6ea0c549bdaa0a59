"""Low-rank adapters on an encoder whose own weights stay as they are.

W x becomes W x + alpha / rank * B A x for chosen linear layers, where A (rank, inputs) starts at random and B
(outputs, rank) at 0, so that training starts from the encoder as it is.

Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models. Differs from the paper: by default all
linear layers of the encoder are adapted, not its queries and values alone; `targets` gives those.
Trained through the library peft. Adapters that only run are added to the weights, which needs no library.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from extract.errors import ModelError, RecipeError

_A, _B = ".lora_A.weight", ".lora_B.weight"
_NAME = ".default"  # what peft calls an adapter that has no other name


class LoraSettings(BaseModel):
    """Settings of low-rank adapters."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rank: int = Field(8, ge=1, description="rows of A and columns of B")
    alpha: float = Field(16.0, gt=0, description="the update's scale is alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on what an adapter reads")
    targets: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="ends of names of the linear layers to adapt, such as query; by default all",
    )

    @property
    def scale(self) -> float:
        """The factor on B A."""
        return self.alpha / self.rank


def add_lora(encoder: nn.Module, settings: LoraSettings, name: str) -> None:
    """Put fresh adapters on an encoder of transformers, in place; nothing else of it learns any more.

    Raises `ModelError` if peft is not installed, `RecipeError` for a target that no linear layer has.
    """
    targets = targeted(encoder, settings, name)
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ModelError(
            f"Low-rank adapters are trained by the package {error.name}, which is not installed: "
            "pip install 'tripack[lora]'."
        ) from error
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=settings.dropout,
        target_modules=targets,
    )
    inject_adapter_in_model(config, encoder)


def targeted(encoder: nn.Module, settings: LoraSettings, name: str) -> list[str]:
    """Names of the linear layers that get an adapter, all of them inside the encoder's layers.

    Raises `RecipeError` for a target that none of them has.
    """
    linear = [
        path
        for path, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and any(part.isdigit() for part in path.split("."))
    ]
    if settings.targets is None:
        return linear
    chosen: list[str] = []
    for target in settings.targets:
        found = [path for path in linear if f".{path}".endswith(f".{target}")]
        if not found:
            known = sorted({path.rsplit(".", 1)[-1] for path in linear})
            raise RecipeError(
                f"Unknown model.lora.targets {target!r} for encoder {name!r}. "
                f"Expected ends of the names of its linear layers: {', '.join(known)}."
            )
        chosen += found
    return list(dict.fromkeys(chosen))


def stored_name(name: str) -> str:
    """What a tensor of an encoder with adapters is called in a model folder: peft's own words left out."""
    return name.replace(".base_layer.", ".").replace(_NAME, "")


def is_adapter(name: str) -> bool:
    """Whether a stored tensor is a part of an adapter."""
    return name.endswith((_A, _B))


@torch.no_grad()
def merge_lora(
    weights: dict[str, Tensor], stored: dict[str, Tensor], settings: LoraSettings
) -> set[str]:
    """Add adapters to the weights that they are for, in place.

    Args:
        weights: of the encoder without adapters, by name.
        stored: tensors of a model folder, by name.
        settings: that the adapters were trained with.

    Returns: the names of `stored` that were adapters.

    Raises `ModelError` for half an adapter, or one that fits no weight.
    """
    names = {name for name in stored if is_adapter(name)}
    for stem in sorted({name.removesuffix(_A).removesuffix(_B) for name in names}):
        if (own := weights.get(f"{stem}.weight")) is None:
            raise ModelError(f"The adapter of {stem} is for a layer that the encoder has not.")
        if not names >= {stem + _A, stem + _B}:
            raise ModelError(f"The adapter of {stem} is not whole. Fetch the model again.")
        a, b = stored[stem + _A].float(), stored[stem + _B].float()
        if (len(b), a.shape[1]) != own.shape or len(a) != settings.rank or b.shape[1] != len(a):
            raise ModelError(
                f"The adapter of {stem} is {tuple(b.shape)} by {tuple(a.shape)}, expected rank "
                f"{settings.rank} and a product of {tuple(own.shape)}."
            )
        own.add_(b @ a, alpha=settings.scale)
    return names
