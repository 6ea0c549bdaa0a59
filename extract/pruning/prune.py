"""A model without some of its encoder's layers: what is left says what the whole says if those did nothing.

A dropped layer hands on what it reads, so its output is that of the nearest kept layer below it, or the
embedding output. The fusion's weights for it go there (`Fusion.renumbered`); the head stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from extract.decode.calibration import Calibration
from extract.encoder.pretrained import stacked_layers
from extract.errors import ModelError, OutputError
from extract.layers.studied import StudiedEncoder
from extract.model import EncoderConfig, ExtractionModel
from extract.models.folder import ModelFolder, Settings, read_model, write_model
from extract.models.registry import is_stack, resolve
from extract.predict import windower_of
from extract.pruning.influence import By, Influence, check_kept, influence, kept_layers
from extract.structures import Sentence


@torch.no_grad()
def pruned(model: ExtractionModel, layers: Sequence[int]) -> ExtractionModel:
    """A new model with some of a model's layers, counted from 1 in that model.

    Raises `ModelError` if they are not ascending layers of the model, and `RecipeError` if its fusion cannot
    do without the others.
    """
    encoder, config = model.encoder, model.settings
    if list(layers) != sorted(set(layers)) or not set(layers) <= set(
        range(1, encoder.n_layers + 1)
    ):
        raise ModelError(
            f"Expected ascending layers in 1..{encoder.n_layers} to keep, got {list(layers)}."
        )
    number = [sum(kept <= layer for kept in layers) for layer in range(encoder.n_layers + 1)]
    fusion, fusion_weights = model.fusion.renumbered(config.fusion, number)
    own = tuple(encoder.kept[layer - 1] for layer in layers)
    small = ExtractionModel(
        config.model_copy(update={"encoder": _with_layers(config.encoder, own), "fusion": fusion}),
        model.schema,
    )
    _copy_encoder(model, small, layers)
    small.fusion.load_state_dict({**small.fusion.state_dict(), **fusion_weights})
    small.head.load_state_dict(model.head.state_dict())
    return small.train(model.training)


def _with_layers(config: EncoderConfig, layers: tuple[int, ...]) -> EncoderConfig:
    first = layers == tuple(range(1, len(layers) + 1))
    kept = (
        {"n_layers": len(layers), "layers": None} if first else {"n_layers": None, "layers": layers}
    )
    return config.model_copy(update=kept)


def _copy_encoder(model: ExtractionModel, small: ExtractionModel, layers: Sequence[int]) -> None:
    name, theirs = stacked_layers(model.encoder.model)
    _, ours = stacked_layers(small.encoder.model)
    for layer, copy in zip(layers, ours, strict=True):
        copy.load_state_dict(theirs[layer - 1].state_dict())
    beside = {
        key: value
        for key, value in model.encoder.state_dict().items()
        if not key.startswith(f"model.{name}.")
    }
    small.encoder.load_state_dict({**small.encoder.state_dict(), **beside})


def prune_folder(
    source: str | Path, out: Path, n_kept: int, by: By, sentences: Sequence[Sentence] = ()
) -> tuple[Settings, Influence | None]:
    """Write a model with fewer layers to a new folder, to be trained further from.

    Args:
        source: a bundled model's name, a model folder or a run folder.
        n_kept: layers that stay.
        by: how they are chosen.
        sentences: what layers are measured on; not read for truncation.

    Returns: the settings of the new model, and what was measured.

    Raises `ModelError` if the model cannot be loaded or has no more than so many layers, `OutputError` if
    `out` exists or cannot be written.
    """
    path = resolve(source)
    if is_stack(path):
        raise ModelError(
            f"{path} is a stack of models, expected a model alone. Prune the folders in its members/."
        )
    if out.exists():
        raise OutputError(f"{out} exists. Name a new folder, or remove it first.")
    model, schema, settings = read_model(ModelFolder(path))
    n_layers = model.encoder.n_layers
    check_kept(n_layers, n_kept)
    measured = None
    if by != "truncation":
        studied = StudiedEncoder(str(source), model.encoder.eval(), windower_of(model))
        measured = influence(studied, sentences, n_layers - n_kept)
    layers = kept_layers(n_layers, n_kept, by, measured)
    small = pruned(model, layers)
    settings = settings.model_copy(
        update={
            "name": f"{settings.name}-pruned",
            "description": f"Layers {', '.join(map(str, layers))} of {settings.name} {settings.version}, not "
            "trained since: its scores and thresholds mean nothing yet.",
            "model": small.settings,
            # All were fitted to the scores of the whole.
            "calibration": Calibration(),
            "thresholds": Settings.model_fields["thresholds"].default,
            "exits": (),
            "averaged": (),
        }
    )
    try:
        write_model(ModelFolder(out), small, schema, settings)
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror or error}.") from error
    return settings, measured
