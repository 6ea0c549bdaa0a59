"""Training for early exits: which layers' losses count at a step, and how much.

Elhoushi et al. 2024, LayerSkip: Enabling Early Exit Inference and Self-Speculative Decoding. One head is
trained on the states of several layers, and layers are left out at random (`encoder/layer_dropout.py`).
Differs from the paper: the shared head is fusion and head of an extraction model, not a language model's
output layer; the last layer's loss counts at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

from extract.encoder.layer_dropout import drop_layers, dropout_rates
from extract.errors import RecipeError
from extract.model import ExtractionModel
from extract.training.recipe import EarlyExitRecipe


@dataclass(frozen=True)
class EarlyExits:
    """The exits of an encoder of `n_layers` layers; layers are counted from 1.

    Raises `RecipeError` if there is none before the last layer.
    """

    settings: EarlyExitRecipe
    n_layers: int

    def __post_init__(self) -> None:
        if self.settings.first >= self.n_layers:
            raise RecipeError(
                f"Expected training.early_exit.first below {self.n_layers}, the number of the encoder's "
                f"layers, got {self.settings.first}."
            )

    @classmethod
    def of(cls, model: ExtractionModel, settings: EarlyExitRecipe) -> EarlyExits:
        """The exits of a model that is to be trained, whose layers are left out at random from now on.

        Raises `RecipeError` if its head does not work at exits or it has too few layers, `ModelError` if they
        cannot be told apart.
        """
        exits = cls(settings, model.encoder.n_layers)
        if model.head.reads_text:
            raise RecipeError(
                f"Head {model.settings.head.name!r} runs the encoder again and knows no early exit. "
                "Leave out training.early_exit or choose another head."
            )
        rates = dropout_rates(settings.layer_dropout, exits.n_layers)
        drop_layers(list(model.encoder.blocks()), rates)
        return exits

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that have an exit, without the last."""
        return tuple(range(self.settings.first, self.n_layers))

    def enabled(self, step: int, n_steps: int) -> tuple[int, ...]:
        """The layers whose losses count at a step of `n_steps`, the last always among them.

        Rotational: every R-th layer, all of them moved up by one each step. Gradual: from the last layer
        downwards, one more every n_steps / (2 L) steps.
        """
        kind = self.settings.curriculum
        chosen = self.layers
        if kind == "rotational":
            chosen = tuple(i for i in chosen if (i - step) % self.settings.rotation == 0)
        elif kind == "gradual":
            lowest = self.n_layers - 2 * self.n_layers * step // max(n_steps, 1)
            chosen = tuple(i for i in chosen if i >= lowest)
        return (*chosen, self.n_layers)

    def weights(self, step: int, n_steps: int) -> dict[int, float]:
        """The weight of each enabled layer's loss; they sum to 1.

        e(l) = e_scale sum_{i=0}^{l} i for l < L - 1, e(L - 1) = L - 1 + e_scale sum_{i=0}^{L-2} i, over
        their sum, where l = layer - 1.
        """
        raw = {layer: self._raw(layer - 1) for layer in self.enabled(step, n_steps)}
        total = sum(raw.values())
        return {layer: weight / total for layer, weight in raw.items()}

    def _raw(self, below: int) -> float:
        scale, last = self.settings.loss_scale, self.n_layers - 1
        if below < last:
            return scale * below * (below + 1) / 2
        return last + scale * last * (last - 1) / 2
