"""The models that are to be averaged, and whether their mean is a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extract.errors import ModelError, TripackError
from extract.models.folder import ModelFolder, Settings, read_settings
from extract.models.registry import is_stack, resolve
from extract.models.stack_folder import difference
from extract.schema import Schema
from extract.training.recipe import Recipe, read_recipe


@dataclass(frozen=True)
class SoupMember:
    """A model that is to be averaged, without its weights."""

    folder: ModelFolder
    settings: Settings
    schema: Schema
    recipe: Recipe

    @classmethod
    def open(cls, given: str) -> SoupMember:
        """A model by bundled name, model or run folder. Raises `ModelError` for one without a recipe."""
        folder = ModelFolder(resolve(given))
        if is_stack(folder.path):
            raise ModelError(f"{folder.path} is a stack of models, expected a model alone.")
        settings = read_settings(folder)
        if not folder.recipe.is_file():
            raise ModelError(
                f"{folder.path} has no recipe.toml, which would say from which weights its training started."
            )
        return cls(folder, settings, Schema.read(folder.schema), read_recipe(folder.recipe))

    @property
    def label(self) -> str:
        """Name and version, and the seed."""
        return f"{self.settings.name} {self.settings.version}, seed {self.recipe.seed}"


def check_same_start(members: Sequence[SoupMember]) -> None:
    """Raise `ModelError` unless the models are of one form and were trained from the same weights.

    Units of independent networks have no fixed order: the mean of two says nothing.
    """
    if len(members) < 2:
        raise ModelError(f"Expected two models at least to average, got {len(members)}.")
    first = members[0]
    for other in members[1:]:
        if (differing := _differing(first, other)) is not None:
            raise ModelError(
                f"Models {first.folder.path} and {other.folder.path} cannot be averaged: {differing}."
            )


def _differing(first: SoupMember, other: SoupMember) -> str | None:
    for part in ("lora", "encoder", "fusion", "head"):
        if getattr(first.settings.model, part) != getattr(other.settings.model, part):
            return f"they differ in their settings of model.{part}; expected the same network"
    if first.settings.encoder_hashes != other.settings.encoder_hashes:
        return "they were trained from other weights of the encoder"
    if (labels := difference(first.schema, other.schema)) is not None:
        return f"they have different schemas: {labels}"
    if first.settings.nested != other.settings.nested:
        return "one lets entities overlap, the other does not"
    if first.settings.entities != other.settings.entities:
        return "one finds entities, the other is given them"
    exits = [tuple(own.layer for own in member.settings.exits) for member in (first, other)]
    if exits[0] != exits[1]:
        return "they were trained for different early exits"
    if first.recipe.corpora != other.recipe.corpora:
        return "their recipes name different corpora or splits, so one may have learnt the other's dev part"
    return _other_start(first, other)


def _other_start(first: SoupMember, other: SoupMember) -> str | None:
    one, two = first.recipe, other.recipe
    if one.start != two.start:
        return f"training started from {one.start!r} and from {two.start!r}"
    if one.fresh_seed == two.fresh_seed or _hidden_from_start(first):
        return None
    return (
        f"their heads started from fresh weights of seeds {one.fresh_seed} and {two.fresh_seed}, and the "
        "mean of such says nothing. Train them with one init_seed, such as init_seed=13, and a seed each"
    )


def _hidden_from_start(member: SoupMember) -> bool:
    """Whether training started from a model that had every hidden unit of this one.

    It had if it knew labels of each kind. Labels that it did not know have fresh weights of their own, but
    these only read hidden units, whose order is that of the start: they have a mean.
    """
    if member.recipe.start is None:
        return False
    try:
        schema = Schema.read(ModelFolder(resolve(member.recipe.start)).schema)
    except TripackError:  # no longer there: nothing is known of it
        return False
    own = member.schema
    kinds = [(own.relations, schema.relations), (own.qualifiers, schema.qualifiers)]
    return all(theirs or not ours for ours, theirs in kinds)
