"""Learning rates by layer, and which weights decay."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.model import EncoderConfig, ExtractionModel, ModelConfig
from extract.schema import Schema
from extract.training.recipe import TrainingRecipe
from extract.training.trainer import parameter_groups

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
