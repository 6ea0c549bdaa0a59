"""The contract of a fusion and the registry: states of all layers in, one state a piece for each task out.

A fusion gives the heads three states, in the order of `TASKS`; strategies that do not tell tasks
apart give the same tensor three times.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError
from extract.registered import registered, registrar

TASKS = ("entities", "relations", "qualifiers")
TaskStates = tuple[Tensor, Tensor, Tensor]

FUSIONS: dict[str, type[Fusion]] = {}


def register_fusion(name: str) -> Callable[[type[Fusion]], type[Fusion]]:
    """Register a fusion class under a name; refuses a name that is taken."""
    return registrar(FUSIONS, "fusion", name)


class FusionConfig(BaseModel):
    """Settings that every fusion has; a fusion with more of them has its own `Config`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field("task_mix", description="registered name of the fusion")
    layers: tuple[int, ...] | None = Field(
        None, min_length=1, description="layers to fuse, all by default; 0 is the embedding output"
    )


class Fusion(nn.Module, ABC):
    """Fuses `n_layers` + 1 layer outputs of width `hidden`.

    `chosen` are the layers it reads, in the order of the settings; the last of them is the one that
    training starts from.

    Raises `RecipeError` if the settings choose a layer that the encoder has not, or fewer than `least`.
    """

    Config: ClassVar[type[FusionConfig]] = FusionConfig
    least: ClassVar[int] = 1  # layers without which the method says nothing
    by_piece: ClassVar[bool] = (
        True  # whether a piece's state is made from that piece's layers alone
    )
    exits: ClassVar[bool] = (
        False  # whether states of fewer layers may be fused, as at an early exit
    )

    def __init__(self, config: FusionConfig, n_layers: int, hidden: int) -> None:
        super().__init__()
        self.chosen = chosen_layers(config, n_layers)
        if len(self.chosen) < self.least:
            raise RecipeError(
                f"Fusion {config.name!r} needs at least {self.least} layers, got {len(self.chosen)}."
            )

    @abstractmethod
    def forward(self, states: LayerStates) -> TaskStates:
        """Fuse layers of (batch, pieces, hidden) into one such state a task.

        Where `exits`, there may be fewer layers than the encoder has; the chosen ones among them are fused.
        """

    def present(self, n_layers: int) -> list[int]:
        """Places in `chosen` of the layers that an encoder of `n_layers` layers has.

        Raises `RecipeError` if there are none.
        """
        places = [place for place, layer in enumerate(self.chosen) if layer <= n_layers]
        if not places:
            raise RecipeError(
                f"The fusion reads layers {', '.join(map(str, self.chosen))}, expected one of 0..{n_layers} "
                f"for an exit after layer {n_layers}."
            )
        return places

    def cut_config(self, config: FusionConfig, n_layers: int) -> FusionConfig:
        """The settings of this fusion for an encoder cut after `n_layers` layers."""
        layers = tuple(self.chosen[place] for place in self.present(n_layers))
        return config.model_copy(update={"layers": None if config.layers is None else layers})

    def cut_weights(self, n_layers: int) -> dict[str, Tensor]:
        """The state dict that goes with `cut_config`."""
        return self.state_dict()

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """Settings and weights with which a fusion of other layers gives what this one gives.

        By default it reads a layer as often as this one reads layers of its number.

        Args:
            config: the settings of this fusion.
            number: the new number of each layer, several may share one; 0 is the embedding output's.
        """
        layers = tuple(number[layer] for layer in self.chosen)
        return config.model_copy(update={"layers": layers}), self.state_dict()


def chosen_layers(config: FusionConfig, n_layers: int) -> tuple[int, ...]:
    """The layers that the settings choose, all by default. Raises `RecipeError` for one that is not there."""
    layers = tuple(range(n_layers + 1)) if config.layers is None else config.layers
    for layer in layers:
        if not 0 <= layer <= n_layers:
            raise RecipeError(
                f"Expected fusion layers in 0..{n_layers} (0 is the embedding output), got {layer}."
            )
    return layers


def joined_places(
    chosen: Sequence[int], number: Sequence[int]
) -> tuple[tuple[int, ...] | None, list[list[int]]]:
    """Layers to read once each where several get one number, and the old places of each in `chosen`.

    The layers are None, the default, if they are all there are.
    """
    places: dict[int, list[int]] = {}
    for place, layer in enumerate(chosen):
        places.setdefault(number[layer], []).append(place)
    return unless_all(tuple(places), number), list(places.values())


def unless_all(layers: tuple[int, ...], number: Sequence[int]) -> tuple[int, ...] | None:
    """Layers to read as settings name them: None, the default, if they are all there are, in order."""
    return None if layers == tuple(range(max(number) + 1)) else layers


def one_chosen(wanted: int | None, share: float, chosen: tuple[int, ...], setting: str) -> int:
    """The layer a setting names, or by default the one that stands at a share of the chosen layers.

    Raises `RecipeError`, naming `setting`, if it is not among the chosen layers.
    """
    if wanted is None:
        return chosen[round(share * (len(chosen) - 1))]
    if wanted not in chosen:
        raise RecipeError(
            f"Expected {setting} to be one of the fusion's layers "
            f"({', '.join(map(str, chosen))}), got {wanted}."
        )
    return wanted


def stack_chosen(layers: tuple[Tensor, ...], chosen: tuple[int, ...]) -> Tensor:
    """The chosen ones of layers of (batch, pieces, hidden): (batch, pieces, layers, hidden)."""
    return torch.stack([layers[i] for i in chosen], dim=2)


def fusion_class(name: str) -> type[Fusion]:
    """The fusion class of a name. Raises `RecipeError` if there is none."""
    return registered(FUSIONS, "fusion", name)


def fusion_config(settings: dict[str, Any]) -> FusionConfig:
    """Settings as a recipe gives them, checked by the fusion that they name (by default `task_mix`).

    Raises `RecipeError` for an unknown fusion, pydantic's `ValidationError` for settings it has not.
    """
    name = str(settings.get("name", FusionConfig.model_fields["name"].default))
    return fusion_class(name).Config.model_validate(settings)


def cut_fusion(
    fusion: Fusion, config: FusionConfig, n_layers: int, hidden: int
) -> tuple[Fusion, FusionConfig]:
    """A fusion, with its settings, that gives for the first layers alone what `fusion` gives for them.

    Raises `RecipeError` if the fusion is of a kind that needs all layers.
    """
    check_exits(config.name)
    settings = fusion.cut_config(config, n_layers)
    cut = build_fusion(settings, n_layers, hidden)
    cut.load_state_dict(fusion.cut_weights(n_layers))
    return cut.train(fusion.training), settings


def check_exits(name: str) -> None:
    """Raise `RecipeError` if the fusion of that name cannot read fewer layers than all."""
    if not fusion_class(name).exits:
        able = sorted(name for name, kind in FUSIONS.items() if kind.exits)
        raise RecipeError(
            f"Fusion {name!r} needs all layers and knows no early exit; expected one of: {', '.join(able)}."
        )


def build_fusion(config: FusionConfig, n_layers: int, hidden: int) -> Fusion:
    """The fusion that `config` names. Raises `RecipeError` if there is none."""
    return fusion_class(config.name)(config, n_layers, hidden)
