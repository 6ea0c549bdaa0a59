"""Drawing one task a step: proportions, repetition, what is counted, and what a step then trains."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import corpora
from extract.encoder.fusion import TASKS
from extract.encoder.windows import Window
from extract.errors import RecipeError
from extract.heads.base import GoldWindow
from extract.model import ExtractionModel
from extract.predict import windower_of
from extract.schema import Schema
from extract.training.data import Annotated, Collator, TrainingWindow, training_windows
from extract.training.recipe import Recipe
from extract.training.run import train
from extract.training.sampling import TaskSampler, label_counts
from extract.training.trainer import ExtractionTrainer
from tests.extract.training.runs import short_recipe
from tests.tiny import tiny_recipe

SOME = frozenset({0})


def window(
    entities: int, triples: int, qualifiers: int, *, label: int = 0, typed: bool = True
) -> TrainingWindow:
    """A window that has so many labels of each kind."""
    gold = GoldWindow(
        entities=tuple((at, at + 1, label) for at in range(entities)),
        triples=((0, 1, 0, 1, 2),) * triples,
        qualifiers=((0, 0, 2, 3),) * qualifiers,
        entity_types=SOME if typed else frozenset(),
        relations=SOME,
        qualifier_labels=SOME,
    )
    pieces = np.zeros(0, dtype=np.int64)
    return TrainingWindow(Window(0, 0, 4, pieces, pieces, pieces), gold)


def test_tasks_are_drawn_as_often_as_they_have_labels() -> None:
    sampler = TaskSampler({"entities": 60, "relations": 30, "qualifiers": 10}, seed=13)
    drawn = [sampler.task(step) for step in range(4000)]
    for task, share in zip(TASKS, (0.6, 0.3, 0.1), strict=True):
        error = (share * (1 - share) / 4000) ** 0.5
        assert abs(drawn.count(task) / 4000 - share) < 4 * error
    # Draws of neighbouring steps have nothing to do with each other.
    twice = sum(one == other == "entities" for one, other in pairwise(drawn))
    assert abs(twice / 3999 - 0.36) < 0.05


@given(
    n_labels=st.dictionaries(st.sampled_from(TASKS), st.integers(0, 50), min_size=1),
    seed=st.integers(0, 2**32 - 1),
    step=st.integers(0, 10**6),
)
def test_draw_hangs_on_seed_and_step_alone_and_never_on_a_task_without_labels(
    n_labels: dict[str, int], seed: int, step: int
) -> None:
    if not sum(n_labels.values()):
        with pytest.raises(
            RecipeError, match=r'labels to draw tasks by .* set task_sampling = "sum"'
        ):
            TaskSampler(n_labels, seed)
        return
    sampler = TaskSampler(n_labels, seed)
    task = sampler.task(step)
    assert n_labels[task] > 0
    torch.manual_seed(step)
    sampler.task(step + 1)
    assert sampler.task(step) == TaskSampler(n_labels, seed).task(step) == task


def test_seeds_draw_other_tasks() -> None:
    one, other = (TaskSampler({"entities": 1, "relations": 1}, seed) for seed in (13, 14))
    assert [one.task(step) for step in range(40)] != [other.task(step) for step in range(40)]


def test_labels_are_counted_over_all_windows() -> None:
    windows = [window(3, 2, 5), window(4, 1, 0), window(0, 0, 0)]
    assert label_counts(windows) == {"entities": 7, "relations": 3, "qualifiers": 5}


def test_entity_of_unknown_type_counts_only_where_types_are_not_marked() -> None:
    unknown, untyped = window(3, 0, 0, label=-1), window(4, 0, 0, label=-1, typed=False)
    assert label_counts([unknown, untyped])["entities"] == 4


def test_task_that_the_head_does_not_train_is_not_drawn() -> None:
    trained = {"entities": "entities", "heads": "relations", "tails": "relations"}
    sampler = TaskSampler.of([window(3, 2, 900)], trained.values(), 13)
    assert sampler.n_labels == {"entities": 3, "relations": 2}
    assert {sampler.task(step) for step in range(50)} == {"entities", "relations"}


# In the trainer


@pytest.fixture
def trainer(tiny_encoder: Path, facts_file: Path, tmp_path: Path) -> ExtractionTrainer:
    """A trainer of the table head on the facts, with proportional draws."""
    recipe = short_recipe(
        tiny_encoder, facts_file, task_sampling="proportional", loss_weights={"pairs": 0.25}
    )
    sentences = [e.sentence for e in corpora.read("hyperred", facts_file)["file"]]
    torch.manual_seed(0)
    model = ExtractionModel(recipe.model, Schema.infer(sentences))
    windower = windower_of(model)
    annotated = Annotated.by(model.schema, model.schema)
    windows = training_windows(sentences, windower, model.schema, annotated)
    return ExtractionTrainer(
        model,
        windows,
        Collator(windower),
        recipe.training,
        seed=13,
        run_dir=tmp_path,
        measure=dict,
        progress=False,
    )


def step_of(trainer: ExtractionTrainer, task: str) -> int:
    """The first step of a task."""
    assert trainer.drawn is not None
    return next(step for step in range(1000) if trainer.drawn.task(step) == task)


def loss_at(trainer: ExtractionTrainer, task: str, inputs: dict[str, Any]) -> Any:
    """The loss of a step of `task`, and all losses, the same dropout each time."""
    trainer.state.global_step = step_of(trainer, task)
    torch.manual_seed(1)
    return trainer.compute_loss(trainer.network, inputs, return_outputs=True)


@pytest.mark.parametrize(
    ("task", "weights"),
    [
        ("entities", {"entities": 1.0}),
        ("relations", {"pairs": 0.25}),
        ("qualifiers", {"values": 1.0}),
    ],
)
def test_step_counts_the_weighted_losses_of_its_task_alone(
    trainer: ExtractionTrainer, task: str, weights: dict[str, float]
) -> None:
    inputs = trainer.data_collator(trainer.train_dataset[:4])
    loss, losses = loss_at(trainer, task, inputs)
    assert set(losses) == {"entities", "pairs", "values"}
    torch.testing.assert_close(loss, sum(weights[name] * losses[name] for name in weights))
    loss.backward()
    moved = {n for n, p in trainer.network.head.named_parameters() if p.grad is not None}
    own = {"entities": "span_scorer", "relations": "relation_scorer", "qualifiers": "cube.scorer"}
    for other, part in own.items():
        assert (f"{part}.weight" in moved) == (other == task)


def test_every_task_is_summed_by_default(
    trainer: ExtractionTrainer, tiny_encoder: Path, facts_file: Path
) -> None:
    assert short_recipe(tiny_encoder, facts_file).training.task_sampling == "sum"
    inputs = trainer.data_collator(trainer.train_dataset[:4])
    trainer.drawn = None
    loss, losses = trainer.compute_loss(trainer.network, inputs, return_outputs=True)
    torch.testing.assert_close(loss, losses["entities"] + 0.25 * losses["pairs"] + losses["values"])


def test_step_without_a_loss_of_its_task_moves_nothing(
    trainer: ExtractionTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of windows whose corpus annotates no qualifiers, in every step a draw of qualifiers."""
    assert trainer.drawn is not None
    monkeypatch.setattr(trainer.drawn, "task", lambda step: "qualifiers")
    without: dict[str, Any] = {"qualifiers": (), "qualifier_labels": frozenset()}
    trainer.train_dataset = [
        replace(item, gold=replace(item.gold, **without)) for item in trainer.train_dataset
    ]
    trainer.args.num_train_epochs, trainer.args.logging_strategy = 1, "no"
    monkeypatch.setattr(trainer, "evaluate", dict)
    before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
    result = trainer.train()
    assert result.global_step == 4
    assert result.training_loss == 0
    for name, parameter in trainer.network.named_parameters():
        assert torch.equal(parameter, before[name]), name


def test_one_task_a_step_learns_all_of_them_by_heart(
    tiny_encoder: Path, facts_file: Path, tmp_path: Path
) -> None:
    whole = tiny_recipe(tiny_encoder, facts_file).model_dump()
    whole["model"]["fusion"] = {"name": "layer_tapped"}
    whole["training"] |= {"task_sampling": "proportional", "epochs": 100, "eval_from": 99}
    scores = train(Recipe.model_validate(whole), tmp_path / "run", progress=False)["dev"]
    assert scores["hyperred"]["entity"]["f1"] == 1.0
    assert scores["hyperred"]["relation"]["strict"]["f1"] == 1.0
    assert scores["hyperred"]["hyper"]["quintuplet"]["f1"] == 1.0
