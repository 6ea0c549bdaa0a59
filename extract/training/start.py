"""Training that starts from a trained model: its encoder, and whatever of its head the schemas share."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from extract.encoder.lora import LoraSettings
from extract.errors import RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.models.registry import resolve
from extract.pruning.prune import pruned

logger = logging.getLogger(__name__)


@torch.no_grad()
def start_from(model: ExtractionModel, source: str) -> None:
    """Give `model` the weights of a trained model, in place.

    A tensor with a place for each label is copied label by label, by name; labels that the trained
    model does not know keep their fresh weights.

    Args:
        model: the network to train.
        source: a bundled model's name, a model folder or a run folder.

    Of a trained model with more layers, those that the recipe keeps are taken over; see `extract.pruning`.

    Raises `ModelError` if the trained model cannot be loaded, and `RecipeError` if it has another
    encoder, fusion, head or adapters than the recipe, or other sizes, or lacks one of its layers.
    """
    trained, schema, settings = read_model(ModelFolder(resolve(source)), merge=False)
    if settings.model.lora != model.settings.lora:
        raise RecipeError(
            f"start = {source!r}: expected a model with the adapters of the recipe "
            f"({_adapters(model.settings.lora)}), got one with {_adapters(settings.model.lora)}. "
            "Change the recipe or start from another model."
        )
    for part in ("encoder", "fusion", "head"):
        ours, theirs = getattr(model.settings, part).name, getattr(settings.model, part).name
        if ours != theirs:
            raise RecipeError(
                f"start = {source!r}: expected a model with the {part} {ours!r} of the recipe, got one "
                f"with {theirs!r}. Change the recipe or start from another model."
            )
    trained = _with_layers_of(model, trained, source)
    own = model.state_dict()
    axes = {f"head.{name}": kinds for name, kinds in model.head.label_axes().items()}
    shared = {
        "entity_types": _shared(schema.entity_names, model.schema.entity_names),
        "relations": _shared(schema.relation_names, model.schema.relation_names),
        "qualifiers": _shared(schema.qualifier_names, model.schema.qualifier_names),
    }
    for name, value in trained.state_dict().items():
        if name not in own:
            continue  # such as the cube's, where the recipe's corpora have no qualifiers
        if name in axes:
            _copy_labels(own[name], value, [shared[kind] if kind else None for kind in axes[name]])
        elif own[name].shape == value.shape:
            own[name].copy_(value)
        else:
            raise RecipeError(
                f"start = {source!r}: {name} is {tuple(value.shape)} there and {tuple(own[name].shape)} "
                "by the recipe. Give the recipe the sizes of the model it starts from."
            )
    logger.info(
        "starting from %s %s, which knows %s of the labels to learn",
        settings.name,
        settings.version,
        ", ".join(f"{len(places)} {kind.replace('_', ' ')}" for kind, places in shared.items()),
    )


def _adapters(lora: LoraSettings | None) -> str:
    return "none" if lora is None else f"rank {lora.rank} and alpha {lora.alpha:g}"


def _with_layers_of(
    model: ExtractionModel, trained: ExtractionModel, source: str
) -> ExtractionModel:
    """The trained model with the encoder's layers that `model` has."""
    ours, theirs = model.encoder.kept, trained.encoder.kept
    if ours == theirs:
        return trained
    if not set(ours) <= set(theirs):
        raise RecipeError(
            f"start = {source!r}: expected a model with the layers {list(ours)} of the recipe, got one "
            f"with {list(theirs)}. Change layers or n_layers of [model.encoder]."
        )
    return pruned(trained, [theirs.index(layer) + 1 for layer in ours])


def _shared(theirs: list[str], ours: list[str]) -> list[tuple[int, int]]:
    """Places of the labels that both name: (theirs, ours)."""
    return [(at, ours.index(name)) for at, name in enumerate(theirs) if name in ours]


def _copy_labels(own: Tensor, value: Tensor, shared: list[list[tuple[int, int]] | None]) -> None:
    """Copy what both tensors have a place for; None: the axis is the same in both."""
    theirs, ours = [], []
    for axis, places in enumerate(shared):
        pairs = [(i, i) for i in range(value.shape[axis])] if places is None else places
        theirs.append(torch.tensor([at for at, _ in pairs], dtype=torch.long))
        ours.append(torch.tensor([at for _, at in pairs], dtype=torch.long))
    own[torch.meshgrid(*ours, indexing="ij")] = value[torch.meshgrid(*theirs, indexing="ij")]
