"""The manifest of a run: what is read, by which model and settings, and which shards are done."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from extract import __version__
from extract.errors import InputError, ModelError, OutputError
from extract.files import digest
from extract.interfaces.batch.shards import ShardFailure, ShardResult, shard_name
from extract.interfaces.extraction import ModelOptions
from extract.interfaces.io.sources import Source
from extract.json_files import read_json
from extract.models.registry import read_info, resolve

FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # later versions may add fields


class InputRecord(_Record):
    """An input file. `name` is what the ids of its documents start with."""

    name: str
    path: str
    n_bytes: int
    sha256: str


class ModelRecord(_Record):
    """The model; `sha256` covers the names and contents of all files of its folder."""

    name: str
    version: str
    sha256: str


class ShardRecord(_Record):
    """A shard that is done. `first` counts the documents of the input from 1."""

    file: str
    first: int
    n_documents: int
    n_triples: int
    n_bytes: int
    sha256: str


class FailureRecord(_Record):
    """A shard that was given up."""

    file: str
    first: int
    n_documents: int
    reason: str


class Manifest(BaseModel):
    """What `manifest.json` holds.

    settings: all that the output depends on beside the inputs and the model.
    complete: whether all of the input is done; n_shards and n_bad (records skipped) are known only then.
    shards: those that are done, by number.
    """

    model_config = ConfigDict(extra="ignore")

    format: int = FORMAT
    tripack: str
    inputs: tuple[InputRecord, ...]
    model: ModelRecord
    settings: dict[str, Any]
    complete: bool = False
    n_shards: int | None = None
    n_bad: int | None = None
    shards: dict[int, ShardRecord] = {}
    failed: tuple[FailureRecord, ...] = ()

    def add(self, result: ShardResult) -> None:
        """Note a shard as done."""
        self.shards[result.number] = ShardRecord(
            file=shard_name(result.number, self.settings["format"]),
            first=result.first,
            n_documents=result.n_documents,
            n_triples=result.n_triples,
            n_bytes=result.n_bytes,
            sha256=result.sha256,
        )

    def give_up(self, failure: ShardFailure) -> None:
        """Note a shard as failed."""
        record = FailureRecord(
            file=shard_name(failure.number, self.settings["format"]),
            first=failure.first,
            n_documents=failure.n_documents,
            reason=failure.reason,
        )
        self.failed = (*self.failed, record)

    def text(self) -> str:
        """The manifest as JSON, shards in order."""
        self.shards = dict(sorted(self.shards.items()))
        return self.model_dump_json(indent=1) + "\n"

    def differences(self, other: Manifest) -> list[str]:
        """What `other` was made with and this is not, a phrase each; empty if they belong to one run."""
        found = []
        if self.tripack != other.tripack:
            found.append(f"tripack {other.tripack}, now {self.tripack}")
        if self.model.sha256 != other.model.sha256:
            found.append(f"model {_model_name(other.model)}, now {_model_name(self.model)}")
        for key in sorted({*self.settings, *other.settings}):
            now, before = self.settings.get(key), other.settings.get(key)
            if now != before:
                found.append(f"{key.replace('_', ' ')} {before}, now {now}")
        return found + _input_differences(self.inputs, other.inputs)


def _model_name(model: ModelRecord) -> str:
    return f"{model.name} {model.version} ({model.sha256[:8]})"


def _input_differences(now: tuple[InputRecord, ...], before: tuple[InputRecord, ...]) -> list[str]:
    if len(now) != len(before):
        return [f"{len(before)} input files, now {len(now)}"]
    for new, old in zip(now, before, strict=True):
        if new.name != old.name:
            return [f"input {old.name}, now {new.name}"]
        if new.sha256 != old.sha256:
            return [f"another content of {new.name} ({old.n_bytes} bytes, now {new.n_bytes})"]
    return []


def new_manifest(
    source: Source, options: ModelOptions, shard_size: int, format_name: str
) -> Manifest:
    """The manifest of a run that has done nothing yet. Reads all inputs once for their digests.

    Raises `InputError` or `ModelError` for what cannot be read.
    """
    folder = resolve(options.model)
    info = read_info(folder)
    return Manifest(
        tripack=__version__,
        inputs=tuple(_input_record(source)),
        model=ModelRecord(name=info.name, version=info.version, sha256=folder_digest(folder)),
        settings=_settings(source, options, shard_size, format_name),
    )


def _input_record(source: Source) -> list[InputRecord]:
    records = []
    for file in source.files:
        if file.path is None:
            raise InputError(
                "Standard input cannot be read again after an interruption. Give files as --input."
            )
        try:
            n_bytes, sha256 = digest(file.path)
        except OSError as error:
            raise InputError(
                f"Cannot read {file.label}: {error.strerror or error}. Check the file."
            ) from error
        records.append(
            InputRecord(name=file.name, path=str(file.path), n_bytes=n_bytes, sha256=sha256)
        )
    return records


def _settings(
    source: Source, options: ModelOptions, shard_size: int, format_name: str
) -> dict[str, Any]:
    """All that the output depends on. Where bad records are is known by the input; skipping them is not.

    Shards before a bad record are the same whether it is skipped or stops the run, so that a run which
    it stopped can go on with `skip_bad`.
    """
    settings = asdict(options) | asdict(source.settings)
    del settings["model"], settings["skip_bad"]
    for name in ("schema", "relation_prior"):
        settings[name] = _content(getattr(options, name))
    return settings | {"shard_size": shard_size, "format": format_name}


def _content(path: Path | None) -> str | None:
    """SHA-256 of a file that settings name. Raises `InputError` if it cannot be read."""
    if path is None:
        return None
    try:
        return digest(path)[1]
    except OSError as error:
        raise InputError(
            f"Cannot read {path}: {error.strerror or error}. Check the path."
        ) from error


def folder_digest(folder: Path) -> str:
    """SHA-256 of the names and contents of a model folder's files. Raises `ModelError`."""
    running = hashlib.sha256()
    try:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            line = f"{path.relative_to(folder).as_posix()} {digest(path)[1]}\n"
            running.update(line.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ModelError(f"Cannot read model {folder}: {error.strerror or error}.") from error
    return running.hexdigest()


def read_manifest(path: Path) -> Manifest | None:
    """The manifest at a path; None if there is none. Raises `OutputError` if it is damaged."""
    try:
        data = read_json(path)
        given = data.get("format", FORMAT) if isinstance(data, dict) else FORMAT
        if isinstance(given, int) and given > FORMAT:
            raise OutputError(
                f"{path} has format {given}, this version reads up to {FORMAT}. Upgrade tripack"
            )
        return Manifest.model_validate(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"Cannot read {path}: {error.strerror or error}") from error
    except (ValueError, ValidationError) as error:
        raise OutputError(
            f"{path} is damaged, expected the manifest of a run; --force starts over"
        ) from error
