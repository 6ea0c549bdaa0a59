"""The rule from probe scores to a fusion, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from extract.layers.recommend import Curve, Recommendation, listed, recommend, shorten
from extract.training.recipe import Recipe


def curve(task: str, *scores: float, error: float = 1.0) -> Curve:
    """A task's F1 in percent by layer, the difference of any two with the same standard error."""
    make = np.random.default_rng(len(task))
    noise = make.normal(size=(len(scores), 4000)) * error / 2**0.5
    values = np.array(scores) / 100
    return Curve(task, values, values[:, None] + noise / 100)


def both(entities: list[float], relations: list[float]) -> tuple[Curve, Curve]:
    return curve("entities", *entities), curve("relations", *relations)


def test_loss_is_behind_the_best_with_the_error_of_the_difference() -> None:
    made = curve("entities", 50, 80, 77, error=1.5)
    loss, error = made.loss(2)
    assert (made.best, loss) == (1, pytest.approx(0.03))
    assert error == pytest.approx(0.015, rel=0.05)
    assert made.loss(1) == (0.0, 0.0)


def test_error_of_the_difference_sees_that_layers_share_sentences() -> None:
    shared = np.random.default_rng(0).normal(size=1000)
    made = Curve("entities", np.array([0.8, 0.7]), np.stack([0.8 + shared, 0.7 + shared]))
    assert made.loss(1)[1] == pytest.approx(0.0, abs=1e-9)


def test_as_good_takes_the_margin_in_standard_errors() -> None:
    made = curve("entities", 78.5, 80, 79.4, 77)
    assert made.as_good(2.0) == [0, 1, 2]
    assert made.as_good(1.0) == [1, 2]
    assert made.as_good(0.0) == [1]


def test_last_layer_that_serves_both_is_enough() -> None:
    found = recommend(*both([60, 70, 80], [40, 60, 59]))
    assert (found.fusion, found.layers, found.n_layers) == ("last", None, 2)
    assert "The last layer serves both" in found.reason


def test_tasks_that_need_different_layers_get_a_mix_each() -> None:
    found = recommend(*both([60, 80, 70, 65, 60], [20, 30, 50, 60, 40]))
    assert (found.fusion, found.layers, found.n_layers) == ("task_mix", (1, 2, 3), 3)
    assert "No layer serves both" in found.reason
    assert "layer_tapped with entities = 1 and relations = 3" in found.reason


def test_different_best_layers_within_chance_get_no_mix_a_task() -> None:
    found = recommend(*both([60, 80.0, 79.0, 60], [20, 59.0, 60.0, 40]))
    assert (found.fusion, found.layers, found.n_layers) == ("scalar_mix", (1, 2), 2)
    assert "Layers 1-2 serve both" in found.reason


def test_one_layer_below_the_last_ends_the_encoder() -> None:
    found = recommend(*both([60, 70, 80, 60], [20, 30, 60, 40]))
    assert (found.fusion, found.layers, found.n_layers) == ("last", None, 2)


def test_embedding_output_alone_is_read_through_a_mix_of_it() -> None:
    found = recommend(*both([80, 70, 60], [60, 40, 30]))
    assert (found.fusion, found.layers, found.n_layers) == ("scalar_mix", (0,), 1)


def test_shorten_finds_the_fewest_layers_within_one_error_for_both() -> None:
    curves = both([60, 79.5, 80, 80, 80], [20, 40, 59.5, 59.8, 60])
    found = shorten(*curves, 4)
    assert found is not None
    assert (found.fusion, found.layers, found.n_layers) == ("last", None, 2)
    assert "The first 2 of 4 layers suffice" in found.reason
    assert shorten(*curves, 2) is None  # nothing is saved


def test_shorten_keeps_a_mix_where_the_last_kept_layer_lost_a_task() -> None:
    found = shorten(*both([60, 80, 70, 70], [20, 40, 60, 60.5]), 3)
    assert found is not None
    assert (found.fusion, found.layers, found.n_layers) == ("task_mix", (1, 2), 2)


def test_shorten_keeps_at_least_one_layer() -> None:
    found = shorten(*both([80, 80, 80], [60, 60, 60]), 2)
    assert found is not None and found.n_layers == 1


@pytest.mark.parametrize(
    "found",
    [
        Recommendation("task_mix", (1, 2, 3), 3, ""),
        Recommendation("last", None, 4, ""),
        Recommendation("scalar_mix", (0,), 1, ""),
    ],
)
def test_recipe_is_one_that_training_reads(found: Recommendation) -> None:
    import tomllib

    model = tomllib.loads(found.recipe('an "odd" näme'))["model"]
    recipe = Recipe.model_validate({"name": "x", "corpora": [{"name": "conll04"}], "model": model})
    assert recipe.model.encoder.name == 'an "odd" näme'
    assert recipe.model.encoder.n_layers == found.n_layers
    assert (recipe.model.fusion.name, recipe.model.fusion.layers) == (found.fusion, found.layers)


def test_listed_shortens_runs() -> None:
    assert listed([0, 2, 3, 4, 6, 7]) == "0, 2-4, 6-7"
