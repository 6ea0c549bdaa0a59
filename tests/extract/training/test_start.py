"""Training that starts from a trained model: what is taken over, label by label, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from extract.errors import ModelError, RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.schema import QualifierType, Relation
from extract.training.recipe import Recipe
from extract.training.run import train
from extract.training.start import start_from
from tests.extract.training.runs import short_recipe


@pytest.fixture(scope="module")
def trained(tiny_model: Path) -> ExtractionModel:
    return read_model(ModelFolder(tiny_model))[0]


def test_same_schema_gives_the_same_weights(trained: ExtractionModel, tiny_model: Path) -> None:
    model = ExtractionModel(trained.settings, trained.schema)
    start_from(model, str(tiny_model))
    for name, value in trained.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_labels_are_taken_over_by_name_and_new_ones_stay_fresh(
    trained: ExtractionModel, tiny_model: Path
) -> None:
    old = trained.schema
    new = replace(
        old,
        relations=(Relation("new"), *old.relations[::-1][:2]),
        qualifiers=(*(QualifierType(q.name) for q in old.qualifiers[1:]), QualifierType("fresh")),
    )
    model = ExtractionModel(trained.settings, new)
    before = model.head.relation_scorer.weight.detach().clone()
    start_from(model, str(tiny_model))
    ours, theirs = model.head.state_dict(), trained.head.state_dict()
    assert torch.equal(ours["relation_scorer.weight"][:, 0], before[:, 0])
    assert torch.equal(
        ours["relation_scorer.weight"][:, 1:], theirs["relation_scorer.weight"][:, [-1, -2]]
    )
    assert torch.equal(
        ours["cube.scorer.bias"][: len(old.qualifiers) - 1], theirs["cube.scorer.bias"][1:]
    )
    assert torch.equal(ours["context.score.bias"][1:], theirs["context.score.bias"][[-1, -2]])
    by_relation = ours["cube.by_relation.weight"]
    assert torch.equal(by_relation[1:, :-1], theirs["cube.by_relation.weight"][[-1, -2]][:, 1:])
    assert not by_relation[0].any()
    assert not by_relation[:, -1].any()
    assert torch.equal(ours["span_scorer.weight"], theirs["span_scorer.weight"])


def test_every_parameter_with_a_place_for_each_label_is_named(trained: ExtractionModel) -> None:
    old = trained.schema
    wider = replace(old, relations=(*old.relations, Relation("new")))
    wider = replace(wider, qualifiers=(*old.qualifiers, QualifierType("fresh")))
    head = ExtractionModel(trained.settings, wider).head
    shapes = {name: value.shape for name, value in trained.head.state_dict().items()}
    changed = {name for name, value in head.state_dict().items() if value.shape != shapes[name]}
    axes = head.label_axes()
    assert changed == {name for name, kinds in axes.items() if "entity_types" not in kinds}
    for name in changed:
        grown = [kind is not None for kind in axes[name]]
        expected = [n + (axis < len(grown) and grown[axis]) for axis, n in enumerate(shapes[name])]
        assert list(head.state_dict()[name].shape) == expected


def test_other_sizes_and_parts_are_refused_by_name(
    trained: ExtractionModel, tiny_model: Path
) -> None:
    settings = trained.settings
    head = settings.head.model_copy(update={"width": 24})
    other = ExtractionModel(settings.model_copy(update={"head": head}), trained.schema)
    with pytest.raises(RecipeError, match=r"is \(48, .* there and \(24, .* by the recipe"):
        start_from(other, str(tiny_model))
    fusion = settings.fusion.model_copy(update={"name": "last"})
    other = ExtractionModel(settings.model_copy(update={"fusion": fusion}), trained.schema)
    with pytest.raises(
        RecipeError, match=r"the fusion 'last' of the recipe, got one with 'task_mix'"
    ):
        start_from(other, str(tiny_model))
    with pytest.raises(ModelError, match="nowhere"):
        start_from(other, "nowhere")


def test_run_that_starts_from_a_model_knows_its_facts_at_once(
    tiny_encoder: Path, facts_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    quick = short_recipe(
        tiny_encoder, facts_file, epochs=1, learning_rate=1e-6, head_learning_rate=1e-6
    )
    started = Recipe.model_validate({**quick.model_dump(), "start": str(tiny_model)})
    figures = train(started, tmp_path / "started")["dev"]["hyperred"]
    assert figures["relation"]["strict"]["f1"] == 1.0
    fresh = train(quick, tmp_path / "fresh")["dev"]["hyperred"]
    assert fresh["relation"]["strict"]["f1"] < 0.5
