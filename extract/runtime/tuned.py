"""What `tripack models tune` measured on this machine, kept in the user's cache for `--runtime auto`."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from extract.encoder.pretrained import cache_dir
from extract.files import cannot_write, write_whole
from extract.models.folder import ModelFolder
from extract.runtime.onnx_folder import OnnxFiles
from extract.runtime.session import file_hash
from extract.versions import package_version, processor_name

logger = logging.getLogger(__name__)

_PACKAGES = ("tripack", "torch", "onnxruntime")

Runtime = Literal["torch", "onnx"]


class Measured(BaseModel):
    """How fast one runtime read the sample sentences."""

    model_config = ConfigDict(frozen=True)

    kind: str = Field(description="runtime and number format, such as torch-float32")
    sentences_per_second: float
    eligible: bool = Field(description="whether `auto` may take it")


class Tuned(BaseModel):
    """What was measured for one model, processor, number of threads and set of versions."""

    model_config = ConfigDict(frozen=True)

    runtime: Runtime
    threads: int
    measured: tuple[Measured, ...]


def tuned_file(folder: ModelFolder, threads: int) -> Path:
    """Where the choice for a model at a number of threads is kept.

    The name changes with the model's files, the processor, the threads and the versions of what computes, so
    that a choice is never taken for what it was not measured on.

    Raises `ModelError` if a file cannot be read.
    """
    graph = OnnxFiles(folder).graph
    parts = {
        "weights": file_hash(folder.weights),
        "graph": file_hash(graph) if graph.is_file() else None,
        "threads": threads,
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "versions": {name: package_version(name) for name in _PACKAGES},
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return cache_dir() / "tuned" / f"{key[:32]}.json"


def tuned_runtime(folder: ModelFolder, threads: int) -> Runtime:
    """The runtime that was measured to be the fastest; "torch" where nothing was measured."""
    file = tuned_file(folder, threads)
    try:
        return Tuned.model_validate_json(file.read_bytes()).runtime
    except FileNotFoundError:
        logger.info("Nothing measured for %s; `tripack models tune` does.", folder.path)
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        logger.warning("Cannot read %s (%s); PyTorch is taken. Tune the model again.", file, reason)
    return "torch"


def keep(folder: ModelFolder, tuned: Tuned) -> Path:
    """Write a choice to the cache, whole or not at all. Raises `OutputError` if that fails."""
    file = tuned_file(folder, tuned.threads)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(file, error) from error
    temporary = file.with_name(f".{file.name}.{os.getpid()}")  # other processes may tune as well
    write_whole(file, tuned.model_dump_json(indent=1) + "\n", temporary)
    return file
