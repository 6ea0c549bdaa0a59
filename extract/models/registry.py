"""Models by name: those bundled with the package, and folders anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from extract.errors import ModelError, one_of
from extract.json_files import read_json

BUNDLED = Path(__file__).resolve().parent
MODEL, STACK = "config.json", "stack.json"  # what marks the folder of a model, of a stack of models


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What `tripack models list` shows of a model."""

    name: str
    version: str
    path: Path
    description: str


def available() -> list[ModelInfo]:
    """The bundled models, sorted by name."""
    folders = {file.parent for mark in (MODEL, STACK) for file in BUNDLED.glob(f"*/{mark}")}
    return [read_info(folder) for folder in sorted(folders)]


def read_info(path: Path) -> ModelInfo:
    """Name, version and description of a model or a stack. Raises `ModelError` if it is none."""
    mark = STACK if is_stack(path) else MODEL
    try:
        data = read_json(path / mark)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} is no model folder: its {mark} cannot be read ({error})."
        ) from error
    known = data if isinstance(data, dict) else {}
    said = [known.get("name"), known.get("version"), known.get("description", "")]
    if not all(isinstance(text, str) for text in said):
        raise ModelError(
            f"{path} is no model folder: its {mark} cannot be read (expected texts as 'name', "
            f"'version' and 'description', got {said})."
        )
    return ModelInfo(said[0], said[1], path, said[2])


def is_stack(path: Path) -> bool:
    """Whether a folder is that of a stack of models."""
    return (path / STACK).is_file()


def _is_model(path: Path) -> bool:
    return is_stack(path) or (path / MODEL).is_file()


def resolve(model: str | Path) -> Path:
    """The folder of a model or stack given by bundled name or by path. Raises `ModelError` if there is none.

    A run folder stands for the finished model inside it.
    """
    bundled = BUNDLED / str(model)
    if str(model).replace("-", "").replace("_", "").isalnum() and _is_model(bundled):
        return bundled
    path = Path(model).expanduser()
    for candidate in (path, path / "model"):
        if _is_model(candidate):
            return candidate
    if path.is_dir():
        raise ModelError(f"{path} is no model folder: it has no config.json.")
    raise ModelError(
        one_of("model", str(model), [info.name for info in available()])
        + " Or give a model folder."
    )
