"""One layer, weighted sums of layers, and layers side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from extract.encoder.fusion.base import (
    Fusion,
    FusionConfig,
    TaskStates,
    joined_places,
    register_fusion,
    unless_all,
)
from extract.encoder.pretrained import LayerStates


@register_fusion("last")
class LastLayer(Fusion):
    """The output of the last chosen layer, by default the encoder's last, for every task.

    At an early exit: of the last chosen one that is there.
    """

    exits = True

    def forward(self, states: LayerStates) -> TaskStates:
        last = states.layers[self.chosen[self.present(len(states) - 1)[-1]]]
        return last, last, last

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """As `Fusion.renumbered`; layers that become one are read once, where the last of them stood."""
        backwards = dict.fromkeys(number[layer] for layer in reversed(self.chosen))
        layers = unless_all(tuple(backwards)[::-1], number)
        return config.model_copy(update={"layers": layers}), {}


@register_fusion("scalar_mix")
class ScalarMix(Fusion):
    """A learned weighted sum of layers: h = gamma * sum_l softmax(w)_l h_l.

    Peters et al. 2018, Deep Contextualized Word Representations.
    Differs from the paper: the weights start at the last layer, so that training starts from what
    the encoder was trained to put out.

    At an early exit the sum is over the layers that are there, with their weights divided by the sum of
    theirs, which is the softmax over them alone.
    """

    exits = True
    n_mixes = 1

    def __init__(self, config: FusionConfig, n_layers: int, hidden: int) -> None:
        super().__init__(config, n_layers, hidden)
        weights = torch.zeros(self.n_mixes, len(self.chosen))
        weights[:, -1] = 3.0
        self.weights = nn.Parameter(weights)
        self.scale = nn.Parameter(torch.ones(self.n_mixes))

    def forward(self, states: LayerStates) -> TaskStates:
        present = self.present(len(states) - 1)
        whole = len(present) == len(self.chosen)
        weights = self.weights if whole else self.weights[:, present]
        stacked = torch.stack(
            [states.layers[self.chosen[place]] for place in present]
        )  # (layers, batch, pieces, hidden)
        mix = weights.softmax(dim=-1) * self.scale.unsqueeze(-1)  # (mixes, layers)
        # As an einsum it would be transposed first where it is exported.
        mixed = (mix.to(stacked.dtype) @ stacked.flatten(1)).unflatten(1, stacked.shape[1:])
        return mixed[0], mixed[1 % self.n_mixes], mixed[2 % self.n_mixes]

    def cut_weights(self, n_layers: int) -> dict[str, Tensor]:
        return {"weights": self.weights[:, self.present(n_layers)], "scale": self.scale}

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """As `Fusion.renumbered`; layers that become one have their shares added up."""
        layers, places = joined_places(self.chosen, number)
        # The softmax of log-sums of exponentials is the sum of the softmax.
        weights = torch.stack([self.weights[:, own].logsumexp(dim=1) for own in places], dim=1)
        state = {"weights": weights, "scale": self.scale}
        return config.model_copy(update={"layers": layers}), state


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

    def renumbered(
        self, config: FusionConfig, number: Sequence[int]
    ) -> tuple[FusionConfig, dict[str, Tensor]]:
        """As `Fusion.renumbered`; layers that become one have their projections added up."""
        layers, places = joined_places(self.chosen, number)
        blocks = self.project.weight.split(self.project.out_features, dim=1)
        weight = torch.cat([sum(blocks[place] for place in own) for own in places], dim=1)
        state = {"project.weight": weight, "project.bias": self.project.bias}
        return config.model_copy(update={"layers": layers}), state
