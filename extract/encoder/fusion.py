"""Layer fusion: the states of all layers become one state a piece for each task.

Each strategy is one class, registered by name. A fusion gives the heads three states, in the order
of `TASKS`; strategies that do not tell tasks apart give the same tensor three times.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError, one_of

TASKS = ("entities", "relations", "qualifiers")
TaskStates = tuple[Tensor, Tensor, Tensor]

FUSIONS: dict[str, type[Fusion]] = {}


def register_fusion(name: str) -> Callable[[type[Fusion]], type[Fusion]]:
    """Register a fusion class under a name; refuses a name that is taken."""

    def add(cls: type[Fusion]) -> type[Fusion]:
        if name in FUSIONS:
            raise ValueError(f"The fusion name {name!r} is taken by {FUSIONS[name].__name__}.")
        FUSIONS[name] = cls
        return cls

    return add


class FusionConfig(BaseModel):
    """Settings that every fusion has; a fusion with more of them has its own `Config`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field("task_mix", description="registered name of the fusion")
    layers: tuple[int, ...] | None = Field(
        None, min_length=1, description="layers to fuse, all by default; 0 is the embedding output"
    )


class Fusion(nn.Module, ABC):
    """Fuses `n_layers` + 1 layer outputs of width `hidden`.

    Raises `RecipeError` if the settings choose a layer that the encoder has not.
    """

    Config: ClassVar[type[FusionConfig]] = FusionConfig

    def __init__(self, config: FusionConfig, n_layers: int, hidden: int) -> None:
        super().__init__()
        self.chosen = tuple(range(n_layers + 1)) if config.layers is None else config.layers
        for layer in self.chosen:
            if not 0 <= layer <= n_layers:
                raise RecipeError(
                    f"Expected fusion layers in 0..{n_layers} (0 is the embedding output), got {layer}."
                )

    @abstractmethod
    def forward(self, states: LayerStates) -> TaskStates:
        """Fuse layers of (batch, pieces, hidden) into one such state a task."""


@register_fusion("last")
class LastLayer(Fusion):
    """The output of the last layer, for every task."""

    def forward(self, states: LayerStates) -> TaskStates:
        last = states.layers[-1]
        return last, last, last


@register_fusion("scalar_mix")
class ScalarMix(Fusion):
    """A learned weighted sum of layers: h = gamma * sum_l softmax(w)_l h_l.

    Peters et al. 2018, Deep Contextualized Word Representations.
    Differs from the paper: the weights start at the last layer, so that training starts from what
    the encoder was trained to put out.
    """

    n_mixes = 1

    def __init__(self, config: FusionConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        weights = torch.zeros(self.n_mixes, len(self.chosen))
        weights[:, -1] = 3.0
        self.weights = nn.Parameter(weights)
        self.scale = nn.Parameter(torch.ones(self.n_mixes))

    def forward(self, states: LayerStates) -> TaskStates:
        stacked = torch.stack(
            [states.layers[i] for i in self.chosen]
        )  # (layers, batch, pieces, hidden)
        mix = self.weights.softmax(dim=-1) * self.scale.unsqueeze(-1)  # (mixes, layers)
        mixed = torch.einsum("ml,lbph->mbph", mix.to(stacked.dtype), stacked)
        return mixed[0], mixed[1 % self.n_mixes], mixed[2 % self.n_mixes]


@register_fusion("task_mix")
class TaskMix(ScalarMix):
    """A scalar mix a task, so that entities may read lower layers than relations.

    The mix is that of Peters et al. 2018, Deep Contextualized Word Representations; that tasks
    profit from different depths is shown by Sanh et al. 2019, A Hierarchical Multi-task Approach
    for Learning Embeddings from Semantic Tasks. Differs from the papers: weights start at the last layer.
    """

    n_mixes = 3


@register_fusion("concat")
class ConcatProject(Fusion):
    """Chosen layers side by side, projected back to the hidden width: h = W [h_a; h_b; ...].

    Devlin et al. 2019, BERT, section 5.3 (feature-based use, concatenation of layers).
    Differs from the paper: the projection starts as a copy of the last chosen layer.
    """

    def __init__(self, config: FusionConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        self.project = nn.Linear(len(self.chosen) * hidden, hidden)
        with torch.no_grad():
            self.project.weight.zero_()
            self.project.weight[:, -hidden:] = torch.eye(hidden)
            self.project.bias.zero_()

    def forward(self, states: LayerStates) -> TaskStates:
        joined = torch.cat(
            [states.layers[i] for i in self.chosen], dim=-1
        )  # (batch, pieces, layers * hidden)
        fused = self.project(joined)  # (batch, pieces, hidden)
        return fused, fused, fused


def fusion_class(name: str) -> type[Fusion]:
    """The fusion class of a name. Raises `RecipeError` if there is none."""
    if name not in FUSIONS:
        raise RecipeError(one_of("fusion", name, list(FUSIONS)))
    return FUSIONS[name]


def fusion_config(settings: dict[str, Any]) -> FusionConfig:
    """Settings as a recipe gives them, checked by the fusion that they name (by default `task_mix`).

    Raises `RecipeError` for an unknown fusion, pydantic's `ValidationError` for settings it has not.
    """
    return fusion_class(str(settings.get("name", "task_mix"))).Config.model_validate(settings)


def build_fusion(config: FusionConfig, n_layers: int, hidden: int) -> Fusion:
    """The fusion that `config` names. Raises `RecipeError` if there is none."""
    return fusion_class(config.name)(config, n_layers, hidden)
