"""Each task reads the output of one layer of its own."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor

from extract.encoder.fusion.base import (
    TASKS,
    Fusion,
    FusionConfig,
    TaskStates,
    joined_places,
    one_chosen,
    register_fusion,
)
from extract.encoder.pretrained import LayerStates


class LayerTappedConfig(FusionConfig):
    """Settings of tapped layers: the layer of each task, one of `layers`."""

    entities: int | None = Field(
        None, ge=0, description="layer that entities read; by default two thirds of the way up"
    )
    relations: int | None = Field(
        None, ge=0, description="layer that relations read; by default the last"
    )
    qualifiers: int | None = Field(
        None, ge=0, description="layer that qualifiers read; by default the last"
    )


@register_fusion("layer_tapped")
class LayerTapped(Fusion):
    """Entities read a lower layer than relations and qualifiers; nothing is mixed.

    Sanh et al. 2019, A Hierarchical Multi-task Approach for Learning Embeddings from Semantic Tasks.
    Differs from the paper: the layers are those of one pretrained encoder, not recurrent layers added
    a task, and the words' embeddings are not handed to every level beside the layer below. The paper
    trains one task a step; so does `training.task_sampling = "proportional"`, which is not the default.

    At an early exit a task whose layer is not there reads the highest fused one that is.

    Raises `RecipeError` if a task's layer is not among the fused ones.
    """

    Config = LayerTappedConfig
    exits = True

    def __init__(self, config: LayerTappedConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        self.tapped = (
            one_chosen(config.entities, 2 / 3, self.chosen, "entities"),
            one_chosen(config.relations, 1, self.chosen, "relations"),
            one_chosen(config.qualifiers, 1, self.chosen, "qualifiers"),
        )

    def forward(self, states: LayerStates) -> TaskStates:
        n_layers = len(states) - 1
        entities, relations, qualifiers = (states.layers[i] for i in self.tapped_at(n_layers))
        return entities, relations, qualifiers

    def tapped_at(self, n_layers: int) -> tuple[int, int, int]:
        """The layer of each task where only the first `n_layers` are there."""
        fused = [self.chosen[place] for place in self.present(n_layers)]
        entities, relations, qualifiers = (
            layer if layer in fused else max(fused) for layer in self.tapped
        )
        return entities, relations, qualifiers

    def cut_config(self, config: FusionConfig, n_layers: int) -> FusionConfig:
        tasks = zip(TASKS, self.tapped_at(n_layers), strict=True)
        return super().cut_config(config, n_layers).model_copy(update=dict(tasks))

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """As `Fusion.renumbered`; the layer of each task is named."""
        layers, _ = joined_places(self.chosen, number)
        tapped = {task: number[layer] for task, layer in zip(TASKS, self.tapped, strict=True)}
        return config.model_copy(update={"layers": layers, **tapped}), {}
