"""Runs with a teacher: gradients, learning by heart, exact resume, other tokenizers, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from extract.errors import RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.predict import windower_of
from extract.training.distill.student import FILTERS, Student
from extract.training.distill.teacher import Teacher
from extract.training.recipe import DistillRecipe, Recipe
from extract.training.run import train
from tests.extract.training.distill.lessons import lesson, other_vocabulary, write_teacher
from tests.extract.training.runs import checkpoints, disk_full_after, outcome, short_recipe
from tests.tiny import write_tiny_encoder

LOSSES = ("logits", "ted", "relations")
ALL = {"logits": 1.0, "ted": 1.0, "relations": 1.0, "relation_heads": 4, "filter_steps": 3}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recipe_with(encoder: Path, corpus: Path, distill: dict[str, Any], **training: Any) -> Recipe:
    data = short_recipe(encoder, corpus, **training).model_dump()
    data["model"]["encoder"]["n_layers"] = 2
    return Recipe.model_validate({**data, "distill": distill})


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_gives_gradients_to_the_student_alone(
    tiny_encoder: Path, tiny_model: Path, facts_file: Path, name: str
) -> None:
    model, schema, settings = read_model(ModelFolder(tiny_model))
    encoder = settings.model.encoder.model_copy(update={"n_layers": 2})
    small = ExtractionModel(settings.model.model_copy(update={"encoder": encoder}), schema)
    teacher = Teacher.load(str(tiny_model), windower_of(small))
    assert teacher.same_pieces
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    student = Student(small, teacher, DistillRecipe(teacher="t", relation_heads=4, **{name: 1.0}))
    student.train()
    assert not teacher.model.training
    taught = lesson(small, model, facts_file)
    losses = student(taught.batch, taught.gold, taught.teacher)
    assert set(losses) - set(small.head.tasks) == {f"distill_{name}"}
    losses[f"distill_{name}"].backward()
    reached = {n for n, p in student.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(n.startswith("model.encoder.model.encoder.layer.1") for n in reached)
    assert any(n.startswith("model.encoder.model.encoder.layer.0") for n in reached)
    assert any(n.startswith("filters.student") for n in reached) == (name == "ted")
    assert not any(n.startswith("filters.teacher") for n in reached)
    for key, value in teacher.model.state_dict().items():
        assert torch.equal(value, before[key])
    assert all(p.grad is None for p in teacher.model.parameters())
    assert len(list(student.parameters())) < len([*small.parameters(), *model.parameters()])


def test_student_of_two_layers_knows_every_fact_by_heart(
    tiny_encoder: Path, tiny_model: Path, facts_file: Path, tmp_path: Path
) -> None:
    distill = {"teacher": str(tiny_model), **ALL}
    plain = {"epochs": 30, "eval_from": 29, "piece_dropout": 0.0}
    data = recipe_with(tiny_encoder, facts_file, distill, **plain).model_dump()
    data["model"]["head"]["dropout"] = 0.0
    recipe = Recipe.model_validate({**data, "start": str(tiny_model), "storage": "int8"})
    figures = train(recipe, tmp_path / "run", progress=False)["dev"]["hyperred"]
    assert figures["hyper"]["quintuplet"]["f1"] == 1.0
    read, _, settings = read_model(ModelFolder(tmp_path / "run" / "model"))
    assert read.encoder.n_layers == 2 and settings.format == 2


def test_failed_run_goes_on_to_the_bit_identical_end(
    tiny_encoder: Path, tiny_model: Path, facts_file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    distill = {"teacher": str(tiny_model), **ALL}
    recipe = recipe_with(tiny_encoder, facts_file, distill, epochs=4, eval_from=4)
    train(recipe, tmp_path / "straight", progress=False)
    n_filter_batches, n_layers = 3, 2
    # Within the filters' training, in the first epoch, in the third: 4 steps an epoch.
    run = tmp_path / "failed"
    for number, left in enumerate((4, n_filter_batches * n_layers + 2, 10)):
        with disk_full_after(left, monkeypatch):
            train(recipe, run, progress=False)
        assert (run / FILTERS).is_file() == (number > 0)
    assert checkpoints(run) == [8]
    train(recipe, run, progress=False)
    assert outcome(run) == outcome(tmp_path / "straight")


def test_teacher_that_cuts_words_otherwise_teaches_words(
    tiny_encoder: Path, tiny_model: Path, facts_file: Path, tmp_path: Path
) -> None:
    few = other_vocabulary(tmp_path / "few", facts_file)
    encoder = write_tiny_encoder(tmp_path / "other", few)
    like, schema, _ = read_model(ModelFolder(tiny_model))
    folder = write_teacher(tmp_path / "teacher", encoder, schema, like)
    teacher = Teacher.load(str(folder), windower_of(like))
    assert not teacher.same_pieces
    taught = lesson(like, teacher.model, facts_file)
    assert taught.teacher.piece_ids.shape != taught.batch.piece_ids.shape
    for row in range(len(taught.gold)):
        ours, theirs = (set(b.word_of_piece[row].tolist()) for b in (taught.batch, taught.teacher))
        assert ours == theirs
    recipe = recipe_with(
        tiny_encoder, facts_file, {"teacher": str(folder), **ALL}, epochs=1, eval_from=1
    )
    assert train(recipe, tmp_path / "run", progress=False)["best_epoch"] == 1.0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "a weight above 0 for one of logits, ted and relations"),
        ({"ted": -1.0}, "greater than or equal to 0"),
        ({"logits": 1.0, "temperature": 0.0}, "greater than 0"),
    ],
)
def test_recipe_without_a_lesson_is_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DistillRecipe(teacher="wikidata-small", **settings)  # type: ignore[arg-type]


def test_layers_the_teacher_has_not_are_refused(
    tiny_encoder: Path, tiny_model: Path, facts_file: Path, tmp_path: Path
) -> None:
    for layers in ((1, 4), (1,)):
        distill = {"teacher": str(tiny_model), "ted": 1.0, "ted_layers": layers}
        recipe = recipe_with(tiny_encoder, facts_file, distill)
        with pytest.raises(
            RecipeError, match=r"a layer in 1\.\.3 of the teacher for each of the 2"
        ):
            train(recipe, tmp_path / f"run{len(layers)}", progress=False)
