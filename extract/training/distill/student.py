"""A student in training: its own losses and, beside them, those of its teacher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from extract.encoder.windows import EncodedBatch
from extract.errors import RecipeError
from extract.heads.base import GoldWindow
from extract.model import ExtractionModel
from extract.training.distill.logits import LogitsLoss
from extract.training.distill.relations import RelationsLoss, watching
from extract.training.distill.teacher import Teacher
from extract.training.distill.ted import (
    Batch,
    Precision,
    TaskAwareFilters,
    aligned_layers,
    check_reads_words,
)
from extract.training.recipe import DistillRecipe

FILTERS = "filters.safetensors"


class Student(nn.Module):
    """The network to train, with what distillation trains beside it; the teacher is no part of it.

    Losses of distillation are `distill_logits`, `distill_ted` and `distill_relations`: those that the recipe
    gives a weight, multiplied by it.

    Raises `RecipeError` if one of them cannot be had of these two models.
    """

    def __init__(self, model: ExtractionModel, teacher: Teacher, recipe: DistillRecipe) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self._teacher = (teacher,)  # in a tuple, lest its weights count as ours
        told = teacher.model
        self.logits = LogitsLoss(model, told, recipe.temperature) if recipe.logits else None
        self.relations = None
        if recipe.relations:
            self.relations = RelationsLoss(
                model.encoder,
                told.encoder,
                layer=recipe.relation_layer,
                n_heads=recipe.relation_heads,
                same_pieces=teacher.same_pieces,
            )
        self.filters: TaskAwareFilters | None = None
        if recipe.ted:
            check_reads_words(model.head)
            layers = _teacher_layers(recipe, model, told)
            self.filters = TaskAwareFilters(
                model.encoder.n_layers, layers, model.encoder.hidden, told.encoder.hidden
            )

    @property
    def teacher(self) -> ExtractionModel:
        """The teacher's network, in evaluation mode."""
        return self._teacher[0].model

    def forward(
        self, batch: EncodedBatch, gold: Sequence[GoldWindow], teacher: EncodedBatch
    ) -> dict[str, Tensor]:
        """Losses by name: the head's own, and those of distillation.

        Args:
            teacher: the batch's words as the teacher reads them.
        """
        weights = self.recipe
        with ExitStack() as stack:
            if self.relations is not None:
                own_vectors = stack.enter_context(watching(self.relations.of_student))
                vectors = stack.enter_context(watching(self.relations.of_teacher))
            own = self.model.layer_states(batch)
            with torch.no_grad():
                told = self.teacher.layer_states(teacher)
        states = self.model.fused_words(own, batch)
        losses: dict[str, Tensor] = {}
        if self.logits is None:
            losses |= self.model.head.loss(states, gold)
        else:
            head_losses, scored = self.model.head.scored_loss(states, gold)  # type: ignore[operator]
            with torch.no_grad():
                teacher_states = self.teacher.fused_words(told, teacher)
            losses |= head_losses
            losses["distill_logits"] = weights.logits * self.logits(scored, teacher_states)
        if self.filters is not None:
            losses["distill_ted"] = weights.ted * self.filters(own, batch, told, teacher)
        if self.relations is not None:
            apart = self.relations(own_vectors, batch, vectors, teacher)
            losses["distill_relations"] = weights.relations * apart
        return losses

    def prepare(
        self, batches: Iterator[Batch], precision: Precision, run_dir: Path, seed: int
    ) -> None:
        """Train the filters, if there are any, or take those that an interrupted run had trained.

        The random state is left as it was, so that a resumed run goes on as if it had not been interrupted.

        Args:
            batches: without end.
            precision: the context in which models are to be called.
        """
        if self.filters is None:
            return
        stored = run_dir / FILTERS
        if stored.is_file():
            self.filters.load_state_dict(load_file(stored))
            return
        was_training = self.model.training
        self.model.eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.filters.learn(
                self.model.head,
                lambda b: (self.model.layer_states(b[0]), self.teacher.layer_states(b[1])),
                batches,
                n_steps=self.recipe.filter_steps,
                precision=precision,
            )
        self.model.train(was_training)
        writing = run_dir / f".{FILTERS}"
        save_file(self.filters.state_dict(), writing)
        writing.replace(stored)  # never half written


def _teacher_layers(
    recipe: DistillRecipe, model: ExtractionModel, teacher: ExtractionModel
) -> tuple[int, ...]:
    n_student, n_teacher = model.encoder.n_layers, teacher.encoder.n_layers
    if recipe.ted_layers is None:
        return aligned_layers(n_student, n_teacher)
    known = range(1, n_teacher + 1)
    if len(recipe.ted_layers) != n_student or not set(recipe.ted_layers) <= set(known):
        raise RecipeError(
            f"Expected distill.ted_layers to name a layer in 1..{n_teacher} of the teacher for each of the "
            f"{n_student} layers, got {list(recipe.ted_layers)}."
        )
    return recipe.ted_layers
