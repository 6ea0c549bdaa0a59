"""The models that are to be stacked, and whether they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extract.decode.decoder import Decoder
from extract.errors import ModelError, SchemaError
from extract.heads.base import head_class
from extract.models.folder import ModelFolder, Settings, read_model, read_settings
from extract.models.registry import resolve
from extract.models.stack_folder import difference
from extract.predict import Predictor, windower_of
from extract.schema import Schema
from extract.training.recipe import Recipe, read_recipe


@dataclass(frozen=True)
class StackedModel:
    """A model that is to be stacked, without its weights."""

    folder: ModelFolder
    settings: Settings
    schema: Schema
    recipe: Recipe | None
    verifies: bool

    @classmethod
    def open(cls, given: str, *, verifies: bool) -> StackedModel:
        """A model by bundled name, model or run folder.

        Raises `ModelError` if there is none, for a verifier whose head takes no spans, and for a
        model of relations between given entities.
        """
        folder = ModelFolder(resolve(given))
        settings = read_settings(folder)
        if settings.entities == "given":
            raise ModelError(
                f"Model {given} is one of relations between given entities, and a stack finds its own. "
                "Stack models that were trained to find entities."
            )
        head = settings.model.head.name
        if verifies and not head_class(head).takes_spans:
            raise ModelError(
                f"Model {given} cannot verify: its head {head!r} finds its own spans and takes none "
                "as given. Stack it without --verifier."
            )
        recipe = read_recipe(folder.recipe) if folder.recipe.is_file() else None
        return cls(folder, settings, Schema.read(folder.schema), recipe, verifies)

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.settings.name} {self.settings.version}"

    def predictor(self, device: str, floor: float | None) -> Predictor:
        """The loaded model; with `floor`, it proposes what scores above that."""
        network, _, _ = read_model(self.folder, floor)
        return Predictor(network, windower_of(network), device=device)

    def decoder(self) -> Decoder:
        """The decoder that the model has without a stack."""
        return Decoder(
            self.schema,
            nested=self.settings.nested,
            calibration=self.settings.calibration,
            thresholds=self.settings.thresholds,
        )


def check_together(members: Sequence[StackedModel]) -> None:
    """Raise `SchemaError` unless all have the same labels and let entities overlap alike."""
    first = members[0]
    for other in members[1:]:
        differing = difference(first.schema, other.schema)
        if differing is None and other.settings.nested != first.settings.nested:
            differing = "one lets entities overlap, the other does not"
        if differing is not None:
            raise SchemaError(
                f"Models {first.folder.path} and {other.folder.path} have different schemas: "
                f"{differing}. Stack models trained on the same corpora with the same decode settings."
            )
