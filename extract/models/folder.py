"""A model folder: weights as a difference to the encoder, settings, schema, recipe, card. Data only.

`model.safetensors` holds, under the network's names, what training changed: for the encoder the
difference to its published weights, for the rest the weights themselves. Tensors that training left
alone (such as frozen word embeddings) are not stored; they come from the encoder, whose hash is checked.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from extract.decode.calibration import Calibration
from extract.encoder.lora import is_adapter, merge_lora, stored_name
from extract.encoder.pretrained import PretrainedEncoder, tensor_hash
from extract.errors import ModelError
from extract.files import whole_folder
from extract.json_files import read_json
from extract.model import EncoderConfig, ExtractionModel, ModelConfig
from extract.models.registry import STACK
from extract.models.storage import packed, unpacked
from extract.schema import Schema
from extract.training.recipe import Recipe, Storage, write_recipe

FORMAT = 2  # 1: without 8-bit numbers, which is what a folder that has none says it is
Checked = TypeVar("Checked", bound=BaseModel)
_ENCODER = "encoder.model."


class ExitSettings(BaseModel):
    """What differs where the model ends early: its scores are other scores."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    layer: int = Field(ge=1, description="the encoder's last layer then, counted from 1")
    calibration: Calibration = Calibration()
    thresholds: tuple[float, float, float] = (0.5, 0.5, 0.5)


class Settings(BaseModel):
    """What `config.json` of a model folder holds."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # later versions may add fields

    format: int = 1
    name: str
    version: str
    description: str = ""
    model: ModelConfig
    words: str = Field("tripack", description="word rules the model expects of raw text")
    nested: bool = False
    entities: Literal["found", "given"] = Field(
        "found", description="whether the model was scored on entities of its own or on given ones"
    )
    calibration: Calibration = Calibration()
    thresholds: tuple[float, float, float] = (0.5, 0.5, 0.5)
    exits: tuple[ExitSettings, ...] = Field(
        (), description="earlier layers that the model was trained to end after"
    )
    averaged: tuple[str, ...] = Field(
        (), description="the models whose weights these are the mean of, with their seeds"
    )
    encoder_hashes: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of the encoder's own tensors that the model builds on",
    )

    def at_exit(self, layer: int | None, n_layers: int) -> Exit:
        """The calibration and thresholds of the model when it ends after a layer.

        Args:
            layer: None or `n_layers`: the last.

        Raises `ModelError` if the model was not trained to end there.
        """
        if layer is None or layer == n_layers:
            return Exit(None, self.calibration, self.thresholds)
        own = next((own for own in self.exits if own.layer == layer), None)
        if own is None:
            known = ", ".join(str(own.layer) for own in self.exits)
            what = f"it ends after {known} or" if known else "it has no early exit and ends after"
            raise ModelError(f"Got exit layer {layer} for model {self.name!r}; {what} {n_layers}.")
        return Exit(layer, own.calibration, own.thresholds)


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a model ends, and how its scores are read then. layer: None for the last."""

    layer: int | None
    calibration: Calibration
    thresholds: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The files of a model folder."""

    path: Path

    @property
    def weights(self) -> Path:
        """What training changed."""
        return self.path / "model.safetensors"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.path / "config.json"

    @property
    def schema(self) -> Path:
        """Entity types, relations, qualifiers."""
        return self.path / "schema.json"

    @property
    def recipe(self) -> Path:
        """The recipe the model was trained by."""
        return self.path / "recipe.toml"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / "MODEL_CARD.md"


def write_model(
    folder: ModelFolder,
    model: ExtractionModel,
    schema: Schema,
    settings: Settings,
    recipe: Recipe | None = None,
    dtype: torch.dtype = torch.float16,
    storage: Storage = "float16",
    beside: dict[str, str] | None = None,
) -> None:
    """Write a model folder; a folder of that name appears only when it is whole.

    Differences are small numbers, which float16 holds to a relative 5e-4; for int8 see `storage`.

    Args:
        beside: further files of text, by name.
    """
    original = _published(settings.model.encoder)
    hashes = {name: tensor_hash(value) for name, value in original.items()}
    stored: dict[str, Tensor] = {}
    for name, value in _changed(model, original).items():
        stored |= packed(name, value, int8=storage == "int8", dtype=dtype)
    # One hash for the whole encoder keeps the settings short.
    digest = _joint_hash(hashes)
    with whole_folder(folder.path) as path:
        whole = ModelFolder(path)
        save_file(stored, whole.weights)
        schema.write(whole.schema)
        format_ = 2 if storage == "int8" else 1
        config = settings.model_copy(update={"encoder_hashes": {"all": digest}, "format": format_})
        whole.config.write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")
        if recipe is not None:
            write_recipe(recipe, whole.recipe)
        for name, text in (beside or {}).items():
            (whole.path / name).write_text(text, encoding="utf-8")
        if folder.card.is_file():
            shutil.copy(folder.card, whole.card)


def _published(kept: EncoderConfig) -> dict[str, Tensor]:
    """The encoder's own weights, by the network's names."""
    base = PretrainedEncoder(kept.name, n_layers=kept.n_layers, layers=kept.layers)
    return {_ENCODER + name: value for name, value in base.model.state_dict().items()}


def _changed(model: ExtractionModel, original: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is stored of a network: how far the encoder is from its published weights, and the rest."""
    values = {}
    for name, value in model.state_dict().items():
        name, value = stored_name(name), value.detach().cpu()
        if name not in original:
            values[name] = value
        elif not torch.equal(value, original[name]):
            values[name] = value - original[name]
    return values


@torch.no_grad()
def round_to_int8(model: ExtractionModel) -> None:
    """Give a network, in place, the weights it has once it is stored as int8 and read again."""
    original = _published(model.settings.encoder)
    own = {stored_name(name): value for name, value in model.state_dict().items()}
    for name, value in _changed(model, original).items():
        read = unpacked(packed(name, value, int8=True, dtype=torch.float16))[name]
        if name in original:
            read = original[name] + read
        own[name].copy_(read)


def read_settings(folder: ModelFolder) -> Settings:
    """The settings of a model folder. Raises `ModelError` naming the file and what is wrong."""
    if (folder.path / STACK).is_file():
        raise ModelError(
            f"{folder.path} is a stack of models, expected a model alone. "
            "Name one of the folders in its members/."
        )
    return read_checked(folder.config, Settings, FORMAT, "model folder")


def read_checked(file: Path, kind: type[Checked], newest: int, folder: str) -> Checked:
    """The settings in a JSON file. Raises `ModelError` naming the file and what is wrong.

    Args:
        kind: of settings.
        newest: format that this version reads.
        folder: what the file's folder would be, for messages.
    """
    try:
        data = read_json(file)
        given = data.get("format", newest) if isinstance(data, dict) else newest
        if isinstance(given, int) and given > newest:  # its settings may not be ours
            raise ModelError(
                f"{file.parent} has format {given}, this version reads up to {newest}. Upgrade tripack."
            )
        return kind.model_validate(data)
    except OSError as error:
        raise ModelError(
            f"{file.parent} is no {folder}: cannot read {file.name} ({error.strerror or error})."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        raise ModelError(f"{file} is damaged: {where}: {first['msg']}.") from error
    except ValueError as error:
        raise ModelError(f"{file} is damaged: {error}.") from error


def read_model(
    folder: ModelFolder,
    floor: float | None = None,
    *,
    merge: bool = True,
    encoder: bool = True,
    trainable: bool = True,
) -> tuple[ExtractionModel, Schema, Settings]:
    """Load a model folder, checking that the encoder at hand is the one it was trained from.

    Args:
        floor: replaces the log-odds under which the head takes spans and triples for no candidates.
        merge: whether low-rank adapters are added to the weights, which makes the network an ordinary one
            (`network.settings.lora` is then None); otherwise they run beside the encoder, by peft.
        encoder: whether the encoder is to run; otherwise its weights are neither loaded nor checked.
        trainable: whether the network may be trained; otherwise it starts sooner.

    Raises `ModelError` for a missing, damaged or foreign file, for another encoder, and if peft is needed
    and not installed.
    """
    settings = read_settings(folder)
    schema = Schema.read(folder.schema)
    shifts = settings.calibration.relations
    if shifts and len(shifts) != len(schema.relations):
        raise ModelError(
            f"{folder.config} calibrates {len(shifts)} relations, but {folder.schema.name} has "
            f"{len(schema.relations)}. Fetch the model again."
        )
    config = settings.model
    if floor is not None:
        head = config.head.model_copy(update={"span_floor": floor, "triple_floor": floor})
        config = config.model_copy(update={"head": head})
    lora = config.lora
    if merge:
        config = config.model_copy(update={"lora": None})
    model = ExtractionModel(config, schema, weights=encoder, trainable=trainable)
    own = {stored_name(name): value for name, value in model.state_dict().items()}
    hashes = {
        name: tensor_hash(value)
        for name, value in own.items()
        if name.startswith(_ENCODER) and not is_adapter(name)
    }
    expected = settings.encoder_hashes.get("all")
    if encoder and expected is not None and _joint_hash(hashes) != expected:
        raise ModelError(
            f"Model {settings.name!r} was trained from other weights of encoder "
            f"{settings.model.encoder.name!r} than those at hand. "
            "Install the encoder version named in its card."
        )
    stored = read_weights(folder)
    if not encoder:
        stored = {name: value for name, value in stored.items() if not name.startswith("encoder.")}
    elif lora is not None and merge:
        merged = merge_lora(own, stored, lora)
        stored = {name: value for name, value in stored.items() if name not in merged}
    for name, value in stored.items():
        if name not in own or own[name].shape != value.shape:
            found = tuple(own[name].shape) if name in own else "no such tensor"
            raise ModelError(f"{folder.weights}: {name} is {tuple(value.shape)}, expected {found}.")
        if name in hashes:
            own[name].add_(value.to(own[name].dtype))
        else:
            own[name].copy_(value)
    missing = [name for name in own if name not in stored and name not in hashes]
    if missing:
        raise ModelError(
            f"{folder.weights} lacks {len(missing)} tensors, the first is {missing[0]}."
        )
    return model, schema, settings


def read_weights(folder: ModelFolder) -> dict[str, Tensor]:
    """The tensors that a model folder stores, by name. Raises `ModelError` for a missing or damaged file."""
    try:
        with safe_open(folder.weights, framework="pt") as file:
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise ModelError(
            f"{folder.path} is no model folder: it has no {folder.weights.name}."
        ) from error
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder.weights} is damaged: {error}. Fetch the model again.") from error
    try:
        return unpacked(stored)
    except ModelError as error:
        raise ModelError(f"{folder.weights} is damaged: {error}") from error


def _joint_hash(hashes: dict[str, str]) -> str:
    import hashlib

    lines = "".join(f"{name} {value}\n" for name, value in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def describe(folder: ModelFolder) -> dict[str, Any]:
    """Name, version, sizes and labels of a model folder, without loading its weights."""
    settings = read_settings(folder)
    schema = Schema.read(folder.schema)
    return {
        "name": settings.name,
        "version": settings.version,
        "description": settings.description,
        "path": str(folder.path),
        "bytes": sum(f.stat().st_size for f in folder.path.iterdir() if f.is_file()),
        "encoder": settings.model.encoder.name,
        "head": settings.model.head.name,
        "fusion": settings.model.fusion.name,
        "entity_types": schema.entity_names,
        "relations": schema.relation_names,
        "qualifiers": schema.qualifier_names,
        "thresholds": settings.thresholds,
        **_extras(settings),
    }


def _extras(settings: Settings) -> dict[str, Any]:
    """What only some models have."""
    extras: dict[str, Any] = {}
    if (lora := settings.model.lora) is not None:
        extras["adapters"] = f"low rank, {lora.rank}"
    if settings.exits:
        extras["exits_after_layers"] = [own.layer for own in settings.exits]
    if settings.averaged:
        extras["mean_of"] = list(settings.averaged)
    return extras
