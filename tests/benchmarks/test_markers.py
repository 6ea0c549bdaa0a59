"""Both modes of typed markers on one model: what is recorded, of the same weights; what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import markers
from extract.errors import ModelError
from extract.training.recipe import Recipe
from extract.training.run import train
from tests.tiny import tiny_recipe


@pytest.fixture(autouse=True)
def threads_stay() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path) -> Path:
    data = tiny_recipe(tiny_encoder, facts_file).model_dump()
    data["model"]["head"] = {"name": "typed_markers", "width": 24, "hidden": 32, "dropout": 0.0}
    data["corpora"][0]["metric"] = "strict"
    data["training"] |= {"epochs": 25, "eval_from": 25}
    folder = tmp_path_factory.mktemp("typed") / "run"
    train(Recipe.model_validate(data), folder, progress=False)
    return folder


def test_both_modes_are_measured_and_the_trained_one_gives_the_figures_of_its_run(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results" / "speed.json"
    markers.main([str(run), "--corpus", "hyperred", "--out", str(out)])
    written = json.loads(out.read_text(encoding="utf-8"))
    assert (written["trained_mode"], written["corpus"], written["threads"]) == (
        "tied",
        "hyperred",
        1,
    )
    assert written["sentences"] == 16
    assert written["environment"]["versions"]["torch"]
    tied, inserted = written["modes"]["tied"], written["modes"]["inserted"]
    scores = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["dev"]["hyperred"]
    assert scores["relation"]["strict"]["f1"] > 0  # or the figures would say nothing
    for figure, value in (
        ("entity_f1", scores["entity"]["f1"]),
        ("relation_strict_micro_f1", scores["relation"]["strict"]["f1"]),
    ):
        assert tied["figures"][figure] == pytest.approx(100 * value, abs=0.01)
    assert inserted["figures"]["entity_f1"] == tied["figures"]["entity_f1"]  # of the plain text
    assert inserted["marked_texts"] > tied["marked_texts"] > 0
    assert inserted["marked_pieces"] > tied["marked_pieces"]
    rates = [tied["sentences_per_second"], inserted["sentences_per_second"]]
    assert written["times_faster_tied"] == round(rates[0] / rates[1], 2)


def test_model_with_another_head_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="with the head 'typed_markers', got 'table'"):
        markers.main([str(tiny_run), "--corpus", "hyperred", "--out", str(tmp_path / "out.json")])


def test_corpus_is_that_of_the_recipe_or_has_its_standard_splits(run: Path) -> None:
    own = markers.corpus_of(str(run), "hyperred")
    assert (own.dev, own.metric) == ("file", "strict")
    assert markers.corpus_of(str(run), "conll04") == markers.CorpusRecipe(name="conll04")
