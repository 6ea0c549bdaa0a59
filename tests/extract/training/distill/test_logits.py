"""The teacher's scores of the student's own cells: by hand, by name, and where heads cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from extract.errors import RecipeError
from extract.heads.span_pairs import SpanPairsConfig
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.schema import Relation
from extract.training.distill.logits import LogitsLoss, bernoulli_divergence
from tests.extract.training.distill.lessons import Lesson, lesson


@pytest.fixture(params=["table", "span_pairs"])
def model(tiny_model: Path, request: pytest.FixtureRequest) -> ExtractionModel:
    table = read_model(ModelFolder(tiny_model))[0].eval()
    if request.param == "table":
        return table
    torch.manual_seed(5)
    settings = table.settings.model_copy(update={"head": SpanPairsConfig(name="span_pairs")})
    return ExtractionModel(settings, table.schema).eval()


@pytest.fixture
def taught(model: ExtractionModel, facts_file: Path) -> Lesson:
    return lesson(model, model, facts_file)


def test_divergence_is_that_of_coins_and_grows_with_the_temperature() -> None:
    student, teacher = torch.tensor([0.3, -2.0, 5.0]), torch.tensor([1.0, -2.0, -1.0])
    p, q = teacher.sigmoid(), student.sigmoid()
    by_hand = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(bernoulli_divergence(student, teacher, 1.0), by_hand)
    assert float(bernoulli_divergence(student, teacher, 1.0)[1]) == 0.0
    warm = bernoulli_divergence(student * 2, teacher * 2, 2.0)
    torch.testing.assert_close(warm, 4 * by_hand)


def test_a_student_that_is_its_teacher_has_nothing_to_learn(
    model: ExtractionModel, taught: Lesson
) -> None:
    states = model.word_states(taught.batch)
    _, scored = model.head.scored_loss(states, taught.gold)  # type: ignore[operator]
    assert set(scored.cells) - {"spans"} == {"entities", "pairs", "values"}
    loss = LogitsLoss(model, model, 2.0)(scored, states)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_teacher_of_other_labels_in_another_order_is_asked_by_name(
    model: ExtractionModel, taught: Lesson
) -> None:
    schema = model.schema
    order = list(range(len(schema.relations)))[::-1]
    mixed = replace(schema, relations=(*(schema.relations[at] for at in order), Relation("new")))
    teacher = ExtractionModel(model.settings, mixed).eval()
    state = model.state_dict()
    places = [*order, 0]
    for name, axes in model.head.label_axes().items():
        if "relations" in axes:
            axis = axes.index("relations")
            state[f"head.{name}"] = state[f"head.{name}"].index_select(axis, torch.tensor(places))
    teacher.load_state_dict(state)
    states = model.word_states(taught.batch)
    _, scored = model.head.scored_loss(states, taught.gold)  # type: ignore[operator]
    loss = LogitsLoss(model, teacher, 1.0)(scored, teacher.word_states(taught.batch))
    assert float(loss) == pytest.approx(0.0, abs=1e-5)
    free = tuple(replace(qualifier, relations=()) for qualifier in schema.qualifiers)
    one = replace(schema, relations=schema.relations[:1], qualifiers=free)
    fewer = ExtractionModel(model.settings, one).eval()
    partly = LogitsLoss(model, fewer, 1.0)
    assert not partly.knows_relations  # so values, which hang on relations, are left out
    assert float(partly(scored, fewer.word_states(taught.batch))) > 0


def test_windows_without_spans_teach_a_number(model: ExtractionModel, taught: Lesson) -> None:
    """Where entities are given, and there are none."""
    bare = [
        replace(window, entities=(), triples=(), qualifiers=(), given=True)
        for window in taught.gold
    ]
    states = model.word_states(taught.batch)
    _, scored = model.head.scored_loss(states, bare)  # type: ignore[operator]
    loss = LogitsLoss(model, model, 2.0)(scored, states)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_scored_loss_is_the_loss(model: ExtractionModel, taught: Lesson) -> None:
    states = model.word_states(taught.batch)
    losses, _ = model.head.scored_loss(states, taught.gold)  # type: ignore[operator]
    for name, value in model.head.loss(states, taught.gold).items():
        assert torch.equal(losses[name], value)


def test_heads_that_cannot_be_compared_are_refused(
    model: ExtractionModel, tiny_verifier: Path
) -> None:
    other = read_model(ModelFolder(tiny_verifier / "model"))[0]
    with pytest.raises(
        RecipeError, match=f"got '{model.settings.head.name}' taught by 'packed_markers'"
    ):
        LogitsLoss(model, other, 1.0)
    with pytest.raises(RecipeError, match="got 'packed_markers' taught by 'packed_markers'"):
        LogitsLoss(other, other, 1.0)
    strangers = replace(
        model.schema,
        entity_types=(),
        qualifiers=(),
        relations=(Relation("stranger"),),
    )
    with pytest.raises(RecipeError, match="it knows none"):
        LogitsLoss(model, ExtractionModel(model.settings, strangers), 1.0)
