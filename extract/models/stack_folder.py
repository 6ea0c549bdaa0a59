"""A stack's folder: model folders below `members/`, and how their candidates become one, in `stack.json`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from extract.decode.calibration import Calibration
from extract.decode.stacking import StackWeights
from extract.errors import ModelError, OutputError
from extract.files import whole_folder
from extract.models.folder import ModelFolder, read_checked, read_settings
from extract.models.registry import STACK
from extract.schema import Schema

FORMAT = 1
Accuracy = Literal["fast", "balanced", "best"]
DEFAULT: Accuracy = "balanced"


class Member(BaseModel):
    """A model of a stack."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # later versions may add fields

    folder: str = Field(description="below the stack's folder")
    name: str
    version: str
    head: str
    verifier: bool = Field(False, description="given the spans of the models before it")


class Profile(BaseModel):
    """Which models run, and how what they say becomes one."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    members: tuple[int, ...] = Field(min_length=1, description="places in the list of members")
    weights: StackWeights | None = Field(None, description="none for a model alone")
    calibration: Calibration = Calibration()
    thresholds: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @model_validator(mode="after")
    def _weights_of_its_members(self) -> Profile:
        n_weighed = 1 if self.weights is None else self.weights.n_models
        if n_weighed != len(self.members):
            raise ValueError(f"expected weights of {len(self.members)} models, got {n_weighed}")
        return self


class StackSettings(BaseModel):
    """What `stack.json` holds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: int = FORMAT
    name: str
    version: str
    description: str = ""
    tripack: str = Field("", description="version of tripack that the stack was made with")
    nested: bool = False
    floor: float | None = Field(
        None,
        description="log-odds under which stacked models propose nothing; none: each its own",
    )
    members: tuple[Member, ...] = Field(min_length=1)
    profiles: dict[Accuracy, Profile]
    default: Accuracy = DEFAULT

    @model_validator(mode="after")
    def _consistent(self) -> StackSettings:
        if self.default not in self.profiles:
            raise ValueError(f"the default profile {self.default!r} is not there")
        for member in self.members:
            path = Path(member.folder)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"expected members below the stack, got {member.folder!r}")
        for name, profile in self.profiles.items():
            check_members(name, profile.members, [member.verifier for member in self.members])
        return self


def check_members(name: str, places: Sequence[int], verifiers: Sequence[bool]) -> None:
    """Raise `ValueError` unless `places` are of members, ascend, and begin with one that proposes.

    Args:
        name: of the profile.
        verifiers: whether each member of the stack verifies.
    """
    if (
        not places
        or list(places) != sorted(set(places))
        or not 0 <= places[0] <= places[-1] < len(verifiers)
    ):
        raise ValueError(
            f"expected profile {name!r} to name some of {len(verifiers)} models in their order, "
            f"got {', '.join(str(place + 1) for place in places) or 'none'}"
        )
    if verifiers[places[0]]:
        raise ValueError(
            f"profile {name!r} begins with model {places[0] + 1}, a verifier; expected one that proposes"
        )


@dataclass(frozen=True, slots=True)
class StackFolder:
    """The files of a stack's folder."""

    path: Path

    @property
    def settings(self) -> Path:
        """Members, weights and profiles."""
        return self.path / STACK

    @property
    def schema(self) -> Path:
        """What all members extract."""
        return self.path / "schema.json"

    @property
    def metrics(self) -> Path:
        """Figures of the members and of stacks of them."""
        return self.path / "metrics.json"

    def member(self, member: Member) -> ModelFolder:
        """A member's model folder."""
        return ModelFolder(self.path / member.folder)


def difference(one: Schema, other: Schema) -> str | None:
    """How the labels of two schemas differ, in words; None if they do not. Names of schemas do not count."""
    kinds: list[tuple[str, Sequence[Any], Sequence[Any]]] = [
        ("entity types", one.entity_types, other.entity_types),
        ("relations", one.relations, other.relations),
        ("qualifiers", one.qualifiers, other.qualifiers),
    ]
    for kind, mine, theirs in kinds:
        if mine == theirs:
            continue
        names, others = [x.name for x in mine], [x.name for x in theirs]
        for which, lacking in (
            ("second", [name for name in names if name not in others]),
            ("first", [name for name in others if name not in names]),
        ):
            if lacking:
                more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
                return f"of the {kind}, the {which} lacks {lacking[0]!r}{more}"
        if names != others:
            return f"their {kind} stand in another order"
        changed = next(a.name for a, b in zip(mine, theirs, strict=True) if a != b)
        return f"of the {kind}, {changed!r} has other constraints or another id"
    return None


def write_stack(
    folder: StackFolder,
    settings: StackSettings,
    schema: Schema,
    members: Sequence[ModelFolder],
    metrics: dict[str, Any],
) -> None:
    """Write a stack with copies of its members; a folder of that name appears only when it is whole.

    A stack that is there is replaced. Raises `OutputError` if the folder cannot be written.
    """
    try:
        with whole_folder(folder.path) as path:
            whole = StackFolder(path)
            for member, source in zip(settings.members, members, strict=True):
                _copy_model(source, whole.member(member))
            schema.write(whole.schema)
            whole.metrics.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
            text = settings.model_dump_json(indent=1, exclude_none=True)
            whole.settings.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"Cannot write the stack {folder.path}: {error.strerror or error}."
        ) from error


def _copy_model(source: ModelFolder, target: ModelFolder) -> None:
    target.path.mkdir(parents=True)
    for name in ("config", "schema", "weights", "recipe", "card"):
        file: Path = getattr(source, name)
        if file.is_file():
            shutil.copy(file, getattr(target, name))


def read_stack(folder: StackFolder) -> StackSettings:
    """The settings of a stack, whose members are checked to be those that it was made of.

    Raises `ModelError` naming the file and what is wrong.
    """
    settings = read_checked(folder.settings, StackSettings, FORMAT, "stack")
    _check_labels(folder, settings)
    for member in settings.members:
        _check_member(folder, member)
    return settings


def _check_labels(folder: StackFolder, settings: StackSettings) -> None:
    n_relations = len(Schema.read(folder.schema).relations)
    for name, profile in settings.profiles.items():
        weights = () if profile.weights is None else profile.weights.relations
        for kind, own in (("calibrates", profile.calibration.relations), ("weighs", weights)):
            if own and len(own) != n_relations:
                raise ModelError(
                    f"{folder.settings}: profile {name!r} {kind} {len(own)} relations, but "
                    f"{folder.schema.name} has {n_relations}. Make the stack again."
                )


def _check_member(folder: StackFolder, member: Member) -> None:
    own = folder.member(member)
    if not own.path.is_dir():
        raise ModelError(f"{folder.path} lacks its member {member.folder}. Make the stack again.")
    found = read_settings(own)
    if (found.name, found.version) != (member.name, member.version):
        raise ModelError(
            f"{own.path} is {found.name} {found.version}, but the stack's weights are of "
            f"{member.name} {member.version}. Make the stack again."
        )
    differing = difference(Schema.read(folder.schema), Schema.read(own.schema))
    if differing is not None:
        raise ModelError(f"{folder.path} and its member {member.folder} differ: {differing}.")


def describe_stack(folder: StackFolder) -> dict[str, Any]:
    """Name, version, sizes and labels of a stack, without loading weights."""
    settings = read_stack(folder)
    schema = Schema.read(folder.schema)
    return {
        "name": settings.name,
        "version": settings.version,
        "description": settings.description,
        "path": str(folder.path),
        "bytes": sum(file.stat().st_size for file in folder.path.rglob("*") if file.is_file()),
        "members": [
            f"{m.name} {m.version} ({m.head}{', verifier' if m.verifier else ''})"
            for m in settings.members
        ],
        "profiles": [
            f"{name}: {' + '.join(settings.members[place].name for place in profile.members)}"
            for name, profile in settings.profiles.items()
        ],
        "default": settings.default,
        "entity_types": schema.entity_names,
        "relations": schema.relation_names,
        "qualifiers": schema.qualifier_names,
    }
