"""From probe scores to a fusion to try, by one written rule.

For each of entities and relations, let F(l) be the probe's score at layer l, b the layer where it is
greatest, and s(l) the standard error of F(b) - F(l) over the same draws of sentences.

- Layer l is *as good as the best* if F(b) - F(l) <= 2 s(l): to say that two layers differ, their
  difference must be beyond chance.
- No layer is as good as the best for both tasks: `task_mix` over the layers from the lowest to the
  highest that is as good for either (or `layer_tapped` at the best layer of each).
- Else, the last layer is as good for both: `last`. Nothing shows that more is needed.
- Else: the layers that are as good for both, `scalar_mix` over them, or `last` if there is but one;
  layers above them are left out.

Fewer layers: the first k suffice if for both tasks the best of layers 0 to k has F(b) - F <= s, the
one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, Classification and Regression Trees.
Differs from the book: the error is that of the difference, over sentences, not of a cross-validation.
It is the stricter margin of the two because here the claim is that nothing is lost. The smallest such k
is given with `last` if layer k is as good as the best of the first k for both tasks, else with
`task_mix` over the layers up to k that are as good for either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DIFFERENT = 2.0  # standard errors beyond which a layer is worse than the best
SUFFICIENT = 1.0  # standard errors within which fewer layers suffice


@dataclass(frozen=True)
class Curve:
    """A task's score by layer: `scores` (layers + 1,) in [0, 1], `resampled` (layers + 1, resamples)."""

    task: str
    scores: npt.NDArray[np.float64]
    resampled: npt.NDArray[np.float64]

    @property
    def best(self) -> int:
        """The layer with the greatest score; the lowest of several."""
        return int(self.scores.argmax())

    def loss(self, layer: int) -> tuple[float, float]:
        """How far a layer is behind the best, and the standard error of that."""
        behind = self.resampled[self.best] - self.resampled[layer]
        return float(self.scores[self.best] - self.scores[layer]), float(behind.std())

    def as_good(self, margin: float) -> list[int]:
        """The layers that are behind the best by at most `margin` standard errors."""
        found = []
        for layer in range(len(self.scores)):
            loss, error = self.loss(layer)
            if loss <= margin * error:
                found.append(layer)
        return found  # the best is always among them

    def up_to(self, layer: int) -> Curve:
        """The curve of the layers from 0 to `layer`."""
        return Curve(self.task, self.scores[: layer + 1], self.resampled[: layer + 1])


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A fusion to try: its name, its layers (None for all kept ones), how many layers of the encoder
    to keep, and why."""

    fusion: str
    layers: tuple[int, ...] | None
    n_layers: int
    reason: str

    def recipe(self, encoder: str) -> str:
        """The part of a recipe that says so."""
        lines = ["[model.encoder]", f"name = {json.dumps(encoder, ensure_ascii=False)}"]
        lines += [f"n_layers = {self.n_layers}", "", "[model.fusion]", f'name = "{self.fusion}"']
        if self.layers is not None:
            lines.append(f"layers = {list(self.layers)}")
        return "\n".join(lines) + "\n"


def recommend(entities: Curve, relations: Curve) -> Recommendation:
    """The fusion that the rule gives for all layers of the curves."""
    depth = len(entities.scores) - 1
    good = [curve.as_good(DIFFERENT) for curve in (entities, relations)]
    both = sorted(set(good[0]) & set(good[1]))
    found = " ".join(
        f"{curve.task.capitalize()} are read best at layer {curve.best} "
        f"({100 * curve.scores[curve.best]:.1f}); as good: {listed(layers)}."
        for curve, layers in zip((entities, relations), good, strict=True)
    )
    if not both:
        layers = tuple(range(min(good[0] + good[1]), max(good[0] + good[1]) + 1))
        reason = (
            f"{found} No layer serves both: a mix a task over layers {listed(layers)}, or layer_tapped "
            f"with entities = {entities.best} and relations = {relations.best}."
        )
        return Recommendation("task_mix", layers, max(layers), reason)
    if depth in both:
        reason = f"{found} The last layer serves both: nothing shows that more is needed."
        return Recommendation("last", None, depth, reason)
    n_layers = max(1, both[-1])
    found += " The last layer is behind for at least one of them."
    if both == [n_layers]:
        reason = f"{found} Layer {n_layers} alone serves both: end the encoder there."
        return Recommendation("last", None, n_layers, reason)
    reason = f"{found} Layers {listed(both)} serve both: mix them and leave out those above."
    return Recommendation("scalar_mix", tuple(both), n_layers, reason)


def shorten(entities: Curve, relations: Curve, n_layers: int) -> Recommendation | None:
    """The fusion for the fewest first layers that suffice; None if they are not fewer than `n_layers`."""
    curves = (entities, relations)
    depth = len(entities.scores) - 1
    fewest = max(1, *(min(curve.as_good(SUFFICIENT)) for curve in curves))
    if fewest >= n_layers:
        return None
    kept = [curve.up_to(fewest) for curve in curves]
    losses = []
    for curve, short in zip(curves, kept, strict=True):
        loss, error = curve.loss(short.best)
        losses.append(f"{curve.task} {100 * loss:.1f} (standard error {100 * error:.1f})")
    reason = (
        f"The first {fewest} of {depth} layers suffice: the best probe of them is behind the best of "
        f"all, in points of F1, by: {', '.join(losses)}."
    )
    good = [short.as_good(DIFFERENT) for short in kept]
    if all(fewest in layers for layers in good):
        return Recommendation("last", None, fewest, reason)
    layers = tuple(range(min(good[0] + good[1]), fewest + 1))
    return Recommendation("task_mix", layers, fewest, reason)


def listed(layers: tuple[int, ...] | list[int]) -> str:
    """Layers in words, runs of them shortened: 1, 3-5."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
