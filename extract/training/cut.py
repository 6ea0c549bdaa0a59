"""An early exit of a model as a model of its own, with fewer layers."""

from __future__ import annotations

from pathlib import Path

from extract.errors import ModelError, OutputError
from extract.models.folder import ModelFolder, Settings, read_model, write_model
from extract.models.registry import is_stack, resolve
from extract.training.recipe import read_recipe


def write_exit(model: str | Path, layer: int, out: Path, name: str | None = None) -> Settings:
    """Write the model that `load(model, exit_layer=layer)` is as a folder, whose settings are returned.

    Adapters are merged. Exits below it are kept.

    Args:
        out: the folder to make.
        name: of the new model; by default that of its folder.

    Raises `ModelError` if the model does not end there, `OutputError` if `out` exists or cannot be written.
    """
    if out.exists():
        raise OutputError(f"{out} exists. Name a new folder, or remove it first.")
    folder = ModelFolder(resolve(model))
    if is_stack(folder.path):
        raise ModelError(f"{folder.path} is a stack of models, expected a model alone.")
    network, schema, settings = read_model(folder)
    own = settings.at_exit(layer, network.encoder.n_layers)
    network.cut(layer)
    cut = settings.model_copy(
        update={
            "name": name if name is not None else out.resolve().name,
            "model": network.settings,
            "calibration": own.calibration,
            "thresholds": own.thresholds,
            "exits": tuple(early for early in settings.exits if early.layer < layer),
        }
    )
    recipe = read_recipe(folder.recipe) if folder.recipe.is_file() else None
    try:
        write_model(ModelFolder(out), network, schema, cut, recipe)
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror or error}.") from error
    return cut
