"""Learning rates by layer, and which weights decay."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from extract.model import EncoderConfig, ExtractionModel, ModelConfig
from extract.schema import Schema
from extract.training.recipe import TrainingRecipe
from extract.training.trainer import _Best, parameter_groups

SCHEMA = Schema.from_dict({"entity_types": ["A"], "relations": ["r"], "qualifiers": ["q"]})


@pytest.mark.parametrize("freeze", [True, False])
def test_every_trainable_weight_is_in_one_group_at_its_rate(
    tiny_encoder: Path, freeze: bool
) -> None:
    encoder = EncoderConfig(name=str(tiny_encoder), freeze_embeddings=freeze)
    model = ExtractionModel(ModelConfig(encoder=encoder), SCHEMA)
    recipe = TrainingRecipe(
        learning_rate=1.0, layer_decay=0.5, head_learning_rate=7.0, weight_decay=0.25
    )
    groups = parameter_groups(model, recipe)
    grouped = [id(p) for group in groups for p in group["params"]]
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert sorted(grouped) == sorted(map(id, trainable.values()))
    of = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    rates = {name: of[id(p)] for name, p in trainable.items()}
    layer = "encoder.model.encoder.layer.{}.output.dense.{}"
    for number, rate in enumerate((0.25, 0.5, 1.0)):  # three layers, the last at the full rate
        assert rates[layer.format(number, "weight")] == (rate, 0.25)
        assert rates[layer.format(number, "bias")] == (rate, 0.0)
    assert rates["encoder.model.embeddings.position_embeddings.weight"] == (0.125, 0.25)
    assert rates["encoder.model.embeddings.LayerNorm.weight"] == (0.125, 0.0)
    assert rates["head.relation_scorer.weight"] == (7.0, 0.25)
    assert rates["head.relation_scorer.bias"] == (7.0, 0.0)
    assert ("encoder.model.embeddings.word_embeddings.weight" in rates) != freeze


def test_the_best_epoch_is_the_first_with_the_highest_f1_and_the_last_while_it_is_0(
    tmp_path: Path,
) -> None:
    model = torch.nn.Linear(1, 1)

    def offer(f1: float, epoch: float) -> tuple[float, float, float]:
        with torch.no_grad():
            model.weight.fill_(epoch)
        best = _Best(tmp_path)  # as a resumed run reads it
        best.offer(f1, epoch, model)
        kept = torch.nn.Linear(1, 1)
        _Best(tmp_path).load_into(kept)
        return _Best(tmp_path).f1, _Best(tmp_path).epoch, kept.weight.item()

    assert offer(0.0, 1) == (0.0, 1, 1)
    assert offer(0.0, 2) == (0.0, 2, 2)
    assert offer(0.5, 3) == (0.5, 3, 3)
    assert offer(0.5, 4) == (0.5, 3, 3)
    assert offer(0.0, 5) == (0.5, 3, 3)
    assert offer(0.6, 6) == (0.6, 6, 6)
