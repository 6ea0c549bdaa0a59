"""Filters: aligned layers, nothing to learn from oneself, and what training them does and leaves alone."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import repeat
from pathlib import Path

import pytest
import torch

from extract.errors import RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.training.distill.ted import TaskAwareFilters, aligned_layers, check_reads_words
from tests.extract.training.distill.lessons import Lesson, lesson


@pytest.fixture
def model(tiny_model: Path) -> ExtractionModel:
    return read_model(ModelFolder(tiny_model))[0].eval()


@pytest.fixture
def taught(model: ExtractionModel, facts_file: Path) -> Lesson:
    return lesson(model, model, facts_file)


def learnt(model: ExtractionModel, taught: Lesson, of_teacher: tuple[int, ...]) -> TaskAwareFilters:
    filters = TaskAwareFilters(3, of_teacher, 40, 40)
    filters.learn(
        model.head,
        lambda b: (model.layer_states(b[0]), model.layer_states(b[1])),
        repeat((taught.batch, taught.teacher, taught.gold)),
        n_steps=5,
        precision=nullcontext,
    )
    return filters


def test_layers_are_spread_evenly_and_the_last_follows_the_last() -> None:
    assert aligned_layers(3, 6) == (2, 4, 6)
    assert aligned_layers(3, 12) == (4, 8, 12)
    assert aligned_layers(3, 3) == (1, 2, 3)
    assert aligned_layers(4, 2) == (1, 1, 2, 2)


def test_a_student_that_is_its_teacher_has_nothing_to_learn_even_once_filters_are_trained(
    model: ExtractionModel, taught: Lesson
) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    filters = learnt(model, taught, (1, 2, 3))
    states = model.layer_states(taught.batch)
    loss = filters(states, taught.batch, states, taught.teacher)
    assert float(loss) == pytest.approx(0.0, abs=1e-10)
    moved = [(f.weight - torch.eye(40)).abs().max() for f in filters.student]
    assert all(float(m) > 1e-4 for m in moved)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None for p in model.parameters())
    assert not any(p.requires_grad for p in filters.teacher.parameters())
    assert all(p.requires_grad for p in filters.student.parameters())


def test_other_layers_of_the_teacher_differ_by_the_mean_square_over_words(
    model: ExtractionModel, taught: Lesson
) -> None:
    filters = TaskAwareFilters(3, (2, 2, 2), 40, 40)  # untrained: they hand states on
    with torch.no_grad():
        states = model.layer_states(taught.batch)
        loss = filters(states, taught.batch, states, taught.teacher)
        total, n_words = 0.0, int(taught.batch.word_mask.sum())
        for row in range(len(taught.gold)):
            for word in range(int(taught.batch.word_mask[row].sum())):
                pieces = taught.batch.word_of_piece[row] == word
                two = states.layers[2][row, pieces].mean(dim=0)
                for layer in (1, 2, 3):
                    own = states.layers[layer][row, pieces].mean(dim=0)
                    total += float((own - two).square().mean()) / 3
    assert float(loss) == pytest.approx(total / n_words, rel=1e-4)


def test_trained_filters_serve_the_task_better(model: ExtractionModel, taught: Lesson) -> None:
    from extract.training.distill.ted import _alike

    def task_loss(filters: TaskAwareFilters) -> float:
        with torch.no_grad():
            states = model.layer_states(taught.batch)
            mine, _ = filters._filtered(0, states, taught.batch, states, taught.teacher)
            losses = model.head.loss(_alike(mine, taught.batch), taught.gold)
        return float(torch.stack(list(losses.values())).sum())

    assert task_loss(learnt(model, taught, (1, 2, 3))) < 0.8 * task_loss(
        TaskAwareFilters(3, (1, 2, 3), 40, 40)
    )


def test_heads_that_read_more_than_words_are_refused(tiny_verifier: Path) -> None:
    other = read_model(ModelFolder(tiny_verifier / "model"))[0]
    with pytest.raises(RecipeError, match="word states alone, got PackedMarkers"):
        check_reads_words(other.head)
