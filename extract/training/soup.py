"""The mean of the weights of models that were trained from the same start, as one model of their size.

Wortsman et al. 2022, Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time. Uniform: the mean of all. Greedy: models in the order of their dev score, each
kept in the mean if that scores no less with it. Differs from the paper: heads are trained from fresh weights,
not from a fine-tuned head, so models must have drawn the same ones (`init_seed` in their recipes).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from extract.decode.decoder import Decoder
from extract.errors import ModelError, OutputError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, Settings, read_model, write_model
from extract.predict import Predictor, windower_of
from extract.schema import Schema
from extract.training.corpora import CorpusData
from extract.training.finish import DevPart
from extract.training.fitted import Fitted, fit_exits
from extract.training.soup_members import SoupMember, check_same_start
from extract.training.stack_data import DataChoice, check_known, dev_corpora, note_other_dev_parts
from extract.versions import environment

logger = logging.getLogger(__name__)

Method = Literal["greedy", "uniform"]
METRICS = "metrics.json"


def make_soup(
    models: Sequence[str],
    out: Path,
    method: Method = "greedy",
    *,
    data: DataChoice | None = None,
    name: str | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Average models into a model folder and return its dev metrics, which the folder holds, too.

    Scores that choose are F1 on dev with raw scores and no threshold, as those that choose a run's epoch;
    then calibration and thresholds are fitted anew.

    Args:
        models: bundled names, model or run folders; two at least.
        out: the folder to make.
        data: the sentences to score on; by default the dev parts of the first model's recipe.
        name: of the new model; by default that of its folder.

    Raises `ModelError` for models that have no mean, `OutputError` if `out` exists or cannot be written,
    `RecipeError` and `CorpusError` for a dev part that is not there.
    """
    if out.exists():
        raise OutputError(f"{out} exists. Name a new folder, or remove it first.")
    members = [SoupMember.open(model) for model in models]
    check_same_start(members)
    first = members[0]
    corpora = dev_corpora(first.recipe, data or DataChoice(), "a mean of models", may_give=True)
    check_known(corpora, Schema.read(first.folder.schema), "a mean of models")
    recipes = [(member.label, member.recipe) for member in members]
    note_other_dev_parts(recipes, corpora, data or DataChoice(), "the mean is chosen and fitted on")
    network, _, _ = read_model(first.folder)
    weights = [_weights(member, network) for member in members]
    score = _scorer(network, corpora, nested=first.settings.nested, device=device)
    alone = [score(own) for own in weights]
    for member, f1 in zip(members, alone, strict=True):
        logger.info("%s: dev F1 %.4f", member.label, f1)
    chosen = [*range(len(members))] if method == "uniform" else greedy(weights, alone, score)
    figures = {"uniform": score(mean(weights)), method: score(mean([weights[i] for i in chosen]))}
    network.load_state_dict(mean([weights[i] for i in chosen]))

    own: dict[str, Any] = {"nested": first.settings.nested, "device": device}
    fitted = Fitted.on(corpora, network, **own)
    exits, exit_figures = fit_exits(
        [early.layer for early in first.settings.exits], corpora, network, **own
    )
    settings = first.settings.model_copy(
        update={
            "name": name if name is not None else out.resolve().name,
            "model": network.settings,
            "calibration": fitted.decoder.calibration,
            "thresholds": fitted.decoder.thresholds,
            "exits": exits,
            "averaged": tuple(members[i].label for i in chosen),
        }
    )
    metrics = {
        "name": settings.name,
        "version": settings.version,
        "method": method,
        "members": [
            {"path": str(member.folder.path), "model": member.label, "averaged": place in chosen}
            | {"dev_f1": f1}
            for place, (member, f1) in enumerate(zip(members, alone, strict=True))
        ],
        "dev_f1": figures,
        "thresholds": settings.thresholds,
        "dev": fitted.reports(),
        **({"exits": exit_figures} if exits else {}),
        "environment": environment(),
    }
    _write(out, network, settings, first, metrics)
    return metrics


def _write(
    out: Path, network: ExtractionModel, settings: Settings, first: SoupMember, metrics: object
) -> None:
    folder = ModelFolder(out)
    try:
        write_model(
            folder,
            network,
            network.schema,
            settings,
            first.recipe,
            beside={METRICS: json.dumps(metrics, indent=1) + "\n"},
        )
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror or error}.") from error


def greedy(
    weights: Sequence[dict[str, Tensor]],
    alone: Sequence[float],
    score: Callable[[dict[str, Tensor]], float],
) -> list[int]:
    """Places of the models whose mean is kept, the best one's first (Wortsman et al. 2022, recipe 1).

    Args:
        alone: the score of each model by itself; of equals the earlier one comes first.
        score: of weights; the higher, the better.
    """
    order = sorted(range(len(weights)), key=lambda place: -alone[place])
    kept, best = order[:1], alone[order[0]]
    for place in order[1:]:
        tried = score(mean([weights[i] for i in [*kept, place]]))
        logger.info("with model %d: dev F1 %.4f, before %.4f", place + 1, tried, best)
        if tried >= best:
            kept, best = [*kept, place], tried
    return kept


@torch.no_grad()
def mean(weights: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor, summed in double precision; whole numbers, the same in all, as they are."""
    return {
        name: (sum((own[name].double() for own in weights[1:]), first.double()) / len(weights)).to(
            first.dtype
        )
        if first.is_floating_point()
        else first
        for name, first in weights[0].items()
    }


def _weights(member: SoupMember, network: ExtractionModel) -> dict[str, Tensor]:
    """A model's weights, adapters merged. Raises `ModelError` if they are not of the network's form."""
    own = read_model(member.folder)[0].state_dict()
    for name, value in network.state_dict().items():
        if own[name].shape != value.shape or (
            not value.is_floating_point() and not torch.equal(own[name], value)
        ):
            raise ModelError(
                f"{member.folder.path} differs from the first model in {name}, which has no mean. "
                "Average models trained on the same data with the same init_seed."
            )
    return own


def _scorer(
    network: ExtractionModel, corpora: Sequence[CorpusData], *, nested: bool, device: str
) -> Callable[[dict[str, Tensor]], float]:
    """What gives the mean F1 over the dev parts for weights, which it puts into the network."""
    predictor = Predictor(network, windower_of(network), device=device)
    decoder = Decoder(network.schema, nested=nested)

    def score(weights: dict[str, Tensor]) -> float:
        network.load_state_dict(weights)
        parts = (DevPart.of(corpus, predictor) for corpus in corpora)
        scores = [part.f1(part.decode(decoder)) for part in parts]
        return sum(scores) / len(scores)

    return score
