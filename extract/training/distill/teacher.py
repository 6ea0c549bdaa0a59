"""The teacher: a trained model that is only read, and the student's windows as its tokenizer cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from extract.encoder.windows import Window, Windower
from extract.errors import RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.models.registry import resolve
from extract.predict import windower_of
from extract.structures import Sentence
from extract.training.data import TrainingWindow


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained model in evaluation mode, no parameter of which takes a gradient.

    given: what the recipe calls it.
    same_pieces: whether it reads the student's own windows, piece by piece.
    """

    given: str
    model: ExtractionModel
    windower: Windower
    same_pieces: bool

    @classmethod
    def load(cls, given: str, windower: Windower) -> Teacher:
        """A bundled model's name, a model folder or a run folder, for a student that cuts by `windower`.

        Raises `ModelError` if it cannot be loaded.
        """
        model, _, _ = read_model(ModelFolder(resolve(given)))
        own = windower_of(model)
        return cls(given, model.eval().requires_grad_(False), own, own.cuts_as(windower))

    def with_windows(
        self, items: Sequence[TrainingWindow], sentences: Sequence[Sentence]
    ) -> list[TrainingWindow]:
        """The training windows, each with the same words as the teacher reads them.

        Raises `RecipeError` if a window's words are more than the teacher reads at once.
        """
        if self.same_pieces:
            return [replace(item, teacher=item.window) for item in items]
        windows: list[Window] = []
        try:
            windows = self.windower.again([item.window for item in items], sentences)
        except ValueError as error:
            raise RecipeError(
                f"Teacher {self.given!r} cannot read what the recipe's model reads: {error} "
                "Set max_words of [model.encoder] lower."
            ) from error
        return [replace(item, teacher=own) for item, own in zip(items, windows, strict=True)]
