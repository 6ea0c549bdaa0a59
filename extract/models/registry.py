"""Models by name: those bundled with the package, and folders anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from extract.errors import ModelError, one_of

BUNDLED = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What `tripack models list` shows of a model."""

    name: str
    version: str
    path: Path
    description: str


def available() -> list[ModelInfo]:
    """The bundled models, sorted by name."""
    return [read_info(config.parent) for config in sorted(BUNDLED.glob("*/config.json"))]


def read_info(path: Path) -> ModelInfo:
    """Name, version and description of a model folder. Raises `ModelError` if it is none."""
    try:
        data = json.loads((path / "config.json").read_text(encoding="utf-8"))
        return ModelInfo(data["name"], data["version"], path, data.get("description", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is no model folder: its config.json cannot be read ({error})."
        ) from error


def resolve(model: str | Path) -> Path:
    """The folder of a model given by bundled name or by path. Raises `ModelError` if there is none.

    A run folder stands for the finished model inside it.
    """
    bundled = BUNDLED / str(model)
    if (
        str(model).replace("-", "").replace("_", "").isalnum()
        and (bundled / "config.json").is_file()
    ):
        return bundled
    path = Path(model).expanduser()
    for candidate in (path, path / "model"):
        if (candidate / "config.json").is_file():
            return candidate
    if path.is_dir():
        raise ModelError(f"{path} is no model folder: it has no config.json.")
    raise ModelError(
        one_of("model", str(model), [info.name for info in available()])
        + " Or give a model folder."
    )
