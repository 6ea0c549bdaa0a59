"""Means of weights: of equal models the same model, between two otherwise; greedy; what has no mean."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import corpora
from extract import load
from extract.errors import ModelError, OutputError, RecipeError
from extract.models.folder import ModelFolder, describe, read_model, read_settings
from extract.schema import Relation, Schema
from extract.structures import Sentence
from extract.training import stack_data
from extract.training.recipe import Recipe, read_recipe, write_recipe
from extract.training.soup import greedy, make_soup, mean
from extract.training.stack_data import DataChoice
from tests.extract.training.test_early_exit import found, same


@pytest.fixture(scope="module")
def runs(tiny_twins: list[Path]) -> list[Path]:
    """Two runs whose heads started from the same weights, with data orders of their own."""
    return tiny_twins


@pytest.fixture(scope="module")
def soup(tmp_path_factory: pytest.TempPathFactory, runs: list[Path]) -> Path:
    out = tmp_path_factory.mktemp("soup") / "uniform"
    make_soup([str(run) for run in runs], out, "uniform")
    return out


@pytest.fixture
def sentences(facts_file: Path) -> list[Sentence]:
    return [e.sentence for e in corpora.read("hyperred", facts_file)["file"]]


def weights(model: Path) -> dict[str, Tensor]:
    folder = model / "model" if (model / "model").is_dir() else model
    return read_model(ModelFolder(folder))[0].state_dict()


# The mean


@given(
    st.lists(st.lists(st.floats(-9, 9, width=32), min_size=4, max_size=4), min_size=1, max_size=6)
)
def test_mean_of_tensors(rows: list[list[float]]) -> None:
    tensors = [{"w": torch.tensor(row), "n": torch.tensor(3)} for row in rows]
    found = mean(tensors)
    wanted = torch.tensor(rows, dtype=torch.float64).mean(dim=0)
    torch.testing.assert_close(found["w"].double(), wanted, rtol=1e-6, atol=1e-6)
    assert found["n"] == 3 and found["w"].dtype == torch.float32
    assert torch.equal(mean([tensors[0]] * 3)["w"], tensors[0]["w"])


def test_greedy_keeps_what_does_not_lower_the_score() -> None:
    # A model is a number; the score is how near the mean is to 4. Order by score: 5, 2, 9, 30.
    models = [{"w": torch.tensor(float(v))} for v in (30, 5, 2, 9)]
    alone = [-abs(float(m["w"]) - 4) for m in models]
    tried: list[float] = []

    def score(own: dict[str, Tensor]) -> float:
        tried.append(float(own["w"]))
        return -abs(float(own["w"]) - 4)

    # 5 and 2: mean 3.5 is nearer. With 9: 5.33, no. With 30: no.
    assert greedy(models, alone, score) == [1, 2]
    assert tried == pytest.approx([3.5, 16 / 3, 37 / 3])


def test_mean_of_equal_models_is_the_same_model(
    runs: list[Path], sentences: list[Sentence], tmp_path: Path
) -> None:
    copy = shutil.copytree(runs[0] / "model", tmp_path / "copy")
    metrics = make_soup([str(runs[0]), str(copy), str(runs[0])], tmp_path / "out", "uniform")
    for name, value in weights(runs[0]).items():
        torch.testing.assert_close(weights(tmp_path / "out")[name], value, rtol=1e-3, atol=1e-6)
    assert same(found(runs[0], sentences), found(tmp_path / "out", sentences), 1e-2)
    one, other = (read_settings(ModelFolder(p)) for p in (runs[0] / "model", tmp_path / "out"))
    assert one.thresholds == other.thresholds
    assert metrics["members"][0]["dev_f1"] == metrics["dev_f1"]["uniform"]


def test_mean_of_two_models_lies_between_them(runs: list[Path], soup: Path) -> None:
    one, two, between = (weights(path) for path in (*runs, soup))
    assert any(not torch.equal(one[name], two[name]) for name in one)
    for name, value in between.items():
        low, high = torch.minimum(one[name], two[name]), torch.maximum(one[name], two[name])
        slack = 1e-6 + 1e-3 * high.abs().maximum(low.abs())  # float16 on disk
        assert bool(((value >= low - slack) & (value <= high + slack)).all()), name


def test_heads_that_shared_their_start_are_close_and_others_are_not(
    runs: list[Path], tiny_encoder: Path, facts_file: Path
) -> None:
    """Why an init_seed is asked for."""
    from transformers import set_seed

    from extract.training.run import _Run

    recipe = read_recipe(runs[0] / "recipe.toml")
    heads = {}
    for seed in (7, 8):
        set_seed(seed)
        heads[seed] = _Run.prepare(recipe).model.state_dict()["head.relation_scorer.weight"]
    trained = [weights(run)["head.relation_scorer.weight"] for run in runs]

    def cosine(one: Tensor, other: Tensor) -> float:
        return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))

    assert cosine(trained[0], heads[7]) > cosine(trained[0], heads[8]) + 0.2
    assert cosine(trained[0], trained[1]) > 0.2 > abs(cosine(heads[7], heads[8]))


def test_folder_is_a_model_with_its_metrics(
    runs: list[Path], soup: Path, sentences: list[Sentence]
) -> None:
    assert {p.name for p in soup.iterdir()} == {
        "config.json", "metrics.json", "model.safetensors", "recipe.toml", "schema.json",
    }  # fmt: skip
    extractor = load(soup, device="cpu")
    assert extractor.full_name == "uniform 1.0.0"
    assert sum(len(s.triples) for s in extractor.predict(sentences)) > 0
    metrics = json.loads((soup / "metrics.json").read_text())
    assert [member["averaged"] for member in metrics["members"]] == [True, True]
    assert metrics["thresholds"] == list(read_settings(ModelFolder(soup)).thresholds)
    assert metrics["dev"]["hyperred"]["n_sentences"] == 16
    assert describe(ModelFolder(soup))["mean_of"] == [
        "tiny 1.0.0, seed 13", "tiny 1.0.0, seed 14",
    ]  # fmt: skip


def test_greedy_mean_scores_no_less_than_the_best_model(runs: list[Path], tmp_path: Path) -> None:
    metrics = make_soup([str(run) for run in runs], tmp_path / "out")
    alone = [member["dev_f1"] for member in metrics["members"]]
    assert metrics["dev_f1"]["greedy"] >= max(alone)
    kept = [member["averaged"] for member in metrics["members"]]
    assert kept[alone.index(max(alone))]


def test_other_dev_part_is_scored_and_noted_where_it_is_named(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    monkeypatch.setattr(stack_data.logger, "warning", lambda text, *of: noted.append(text % of))
    data = DataChoice("hyperred", n_dev=5, seed=3)
    metrics = make_soup([str(run) for run in runs], tmp_path / "out", "uniform", data=data)
    assert metrics["dev"]["hyperred"]["n_sentences"] == 5
    assert len(noted) == len(runs)
    assert "another part of hyperred than the mean is chosen and fitted on" in noted[0]


# What has no mean


def other(run: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a model whose recipe is another."""
    copy = Path(shutil.copytree(run / "model", folder / "other"))
    data = read_recipe(copy / "recipe.toml").model_dump()
    change(data)
    write_recipe(Recipe.model_validate(data), copy / "recipe.toml")
    return copy


def refused(runs: list[Path], other: Path, tmp_path: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        make_soup([str(runs[0]), str(other)], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_heads_of_different_fresh_weights_are_refused(runs: list[Path], tmp_path: Path) -> None:
    model = other(runs[1], tmp_path, lambda data: data.update(init_seed=None))
    refused(
        runs, model, tmp_path, r"fresh weights of seeds 7 and 14.*Train them with one init_seed"
    )


def test_models_that_started_from_one_trained_model_need_no_init_seed(
    runs: list[Path], tmp_path: Path
) -> None:
    started = []
    for place, run in enumerate(runs):
        (folder := tmp_path / str(place)).mkdir()
        change = {"start": str(runs[0]), "init_seed": place}
        started.append(other(run, folder, lambda data, change=change: data.update(change)))  # type: ignore[misc]
    make_soup([str(model) for model in started], tmp_path / "mean")
    refused(runs, started[0], tmp_path, "training started from None and from '.*run-13'")


def test_what_a_start_must_have_known(runs: list[Path], tmp_path: Path) -> None:
    start = shutil.copytree(runs[0] / "model", tmp_path / "start")
    own = json.loads((start / "schema.json").read_text(encoding="utf-8"))
    started = []
    for place, run in enumerate(runs):
        (folder := tmp_path / str(place)).mkdir()
        change = {"start": str(start), "init_seed": place}
        started.append(str(other(run, folder, lambda data, change=change: data.update(change))))  # type: ignore[misc]
    # The hidden units of relations were all fresh: their order is each run's own.
    (start / "schema.json").write_text(json.dumps(own | {"relations": [], "qualifiers": []}))
    with pytest.raises(ModelError, match="fresh weights of seeds 0 and 1"):
        make_soup(started, tmp_path / "none")
    # A label of its own that the start did not know reads hidden units of the start.
    fewer = {
        "relations": own["relations"][:1],
        "qualifiers": [{"name": q["name"]} for q in own["qualifiers"][:1]],
    }
    (start / "schema.json").write_text(json.dumps(own | fewer))
    make_soup(started, tmp_path / "mean")


def test_models_of_different_corpora_are_refused(runs: list[Path], tmp_path: Path) -> None:
    model = other(runs[1], tmp_path, lambda data: data["corpora"][0].update(n_dev=3))
    refused(runs, model, tmp_path, "different corpora or splits")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c["model"]["head"].update(width=32), "settings of model.head"),
        (lambda c: c["model"]["fusion"].update(name="last"), "settings of model.fusion"),
        (
            lambda c: c["model"].update(
                lora={"rank": 2}, encoder=c["model"]["encoder"] | {"freeze_embeddings": True}
            ),
            "settings of model.lora",
        ),
        (lambda c: c["model"]["encoder"].update(n_layers=2), "settings of model.encoder"),
        (lambda c: c.update(encoder_hashes={"all": "x"}), "other weights of the encoder"),
        (lambda c: c.update(nested=False), "one lets entities overlap"),
        (lambda c: c.update(entities="given"), "one finds entities, the other is given them"),
        (lambda c: c.update(exits=[{"layer": 2}]), "different early exits"),
    ],
)
def test_models_of_other_settings_are_refused(
    runs: list[Path], tmp_path: Path, change: Callable[[dict[str, Any]], object], match: str
) -> None:
    model = other(runs[1], tmp_path, lambda data: None)
    config = json.loads((model / "config.json").read_text())
    change(config)
    (model / "config.json").write_text(json.dumps(config))
    refused(runs, model, tmp_path, f"cannot be averaged: .*{match}")


def test_models_of_other_labels_are_refused(runs: list[Path], tmp_path: Path) -> None:
    model = other(runs[1], tmp_path, lambda data: None)
    schema = Schema.read(model / "schema.json")
    whole = Schema(schema.entity_types, (*schema.relations, Relation("more")), schema.qualifiers)
    whole.write(model / "schema.json")
    refused(runs, model, tmp_path, "different schemas: of the relations, the first lacks 'more'")


def test_one_model_a_stack_and_one_without_a_recipe_are_refused(
    runs: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="two models at least to average, got 1"):
        make_soup([str(runs[0])], tmp_path / "out")
    (stack := tmp_path / "stack").mkdir()
    (stack / "stack.json").write_text("{}")
    refused(runs, stack, tmp_path, "is a stack of models, expected a model alone")
    model = other(runs[1], tmp_path, lambda data: None)
    (model / "recipe.toml").unlink()
    refused(runs, model, tmp_path, "other has no recipe.toml")


def test_output_that_exists_and_corpus_that_is_not_there_are_refused(
    runs: list[Path], tmp_path: Path
) -> None:
    names = [str(run) for run in runs]
    with pytest.raises(OutputError, match=r"exists\. Name a new folder"):
        make_soup(names, tmp_path)
    with pytest.raises(RecipeError, match="no dev part to fit a mean of models on"):
        data = DataChoice("hyperred", "none", None)
        make_soup(names, tmp_path / "out", data=data)
