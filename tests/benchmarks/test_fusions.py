"""Comparing fusions: what is recorded, that finished runs are kept, and the table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import fusions, seeds, variants
from extract.training.recipe import Recipe, write_recipe
from extract.training.run import train
from tests.extract.training.runs import short_recipe


@pytest.fixture(scope="module", autouse=True)
def threads_stay() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe_file(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    write_recipe(short_recipe(tiny_encoder, facts_file, epochs=6, eval_from=6), path)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe_file: Path) -> Path:
    """The folder of a comparison of two fusions."""
    folder = tmp_path_factory.mktemp("fusions")
    compare(recipe_file, folder)
    return folder


def compare(recipe: Path, folder: Path, *options: str) -> dict[str, Any]:
    command = [str(recipe), "--only", "last", "grouped", "--seeds", "13", "--threads", "1"]
    command += ["--runs", str(folder / "runs"), "--out", str(folder / "out.json"), *options]
    fusions.main(command)
    written: dict[str, Any] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return written


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a finished run was trained or measured again")


def test_each_fusion_is_recorded_with_what_its_run_found(finished: Path) -> None:
    written = json.loads((finished / "out.json").read_text(encoding="utf-8"))
    assert list(written["fusions"]) == ["grouped", "last"]  # as they are registered
    assert written["seeds"] == [13]
    # A gate for each of 3 groups, scale and shift of the norm.
    assert written["fusions"]["last"]["parameters"] == 0
    assert written["fusions"]["grouped"]["parameters"] == 3 + 2 * 40
    assert written["fusions"]["grouped"]["settings"]["n_groups"] == 3
    for name, found in written["fusions"].items():
        run = finished / "runs" / f"out-{name}-13"
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        scores = metrics["dev"]["hyperred"]
        figures = found["corpora"]["hyperred"]
        assert scores["entity"]["f1"] > 0  # or the figures would say nothing
        for figure, value in (
            ("entity_f1", scores["entity"]["f1"]),
            ("relation_boundary_micro_f1", scores["relation"]["boundary"]["f1"]),
            ("relation_strict_micro_f1", scores["relation"]["strict"]["f1"]),
        ):
            assert figures[figure]["mean"] == round(100 * value, 2)
        assert found["training_seconds"]["seeds"] == [metrics["seconds"]]
        assert found["sentences_per_second"]["mean"] > 0
        assert f'name = "{name}"' in (run / "recipe.toml").read_text(encoding="utf-8")


def test_finished_runs_are_neither_trained_nor_measured_again(
    finished: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json.loads((finished / "out.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(seeds, "train", refuse)
    monkeypatch.setattr(variants, "load", refuse)
    assert compare(recipe_file, finished)["fusions"] == before["fusions"]


def test_rows_whose_runs_are_gone_stay_in_the_file(
    tmp_path: Path, finished: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(finished / "out.json", tmp_path / "out.json")
    before = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(seeds, "train", refuse)
    assert compare(recipe_file, tmp_path)["fusions"] == before["fusions"]
    with pytest.raises(AssertionError, match="trained"):  # of another comparison they say nothing
        compare(recipe_file, tmp_path, "--seeds", "14")


def test_interrupted_comparison_keeps_what_is_done_and_goes_on_with_the_rest(
    tmp_path: Path, finished: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def train_once(recipe: Recipe, run: Path) -> dict[str, Any]:
        trained.append(run.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(recipe, run, progress=False)

    monkeypatch.setattr(seeds, "train", train_once)
    with pytest.raises(KeyboardInterrupt):
        compare(recipe_file, tmp_path)
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(written["fusions"]) == ["last"]
    whole = compare(recipe_file, tmp_path)["fusions"]
    assert trained == ["out-last-13", "out-grouped-13", "out-grouped-13"]
    other = json.loads((finished / "out.json").read_text(encoding="utf-8"))["fusions"]
    for name, found in whole.items():
        assert found["corpora"] == other[name]["corpora"]


def test_measuring_leaves_the_number_of_threads(
    tmp_path: Path, finished: Path, recipe_file: Path
) -> None:
    run = Path(shutil.copytree(finished / "runs" / "out-last-13", tmp_path / "again-13"))
    (run / "fusion.json").unlink()
    torch.set_num_threads(2)
    recipe = fusions.recipe_with("last", str(recipe_file), [], 13)
    variants.compare(fusions.COMPARISON, [recipe], tmp_path / "again", [])
    assert (run / "fusion.json").is_file()
    assert torch.get_num_threads() == 2


def test_overrides_hold_for_every_fusion_but_not_its_name(recipe_file: Path) -> None:
    changes = ["model.fusion.layers=[1, 3]", "training.epochs=3"]
    recipe = fusions.recipe_with("layer_conv", str(recipe_file), changes, 7)
    fusion = recipe.model.fusion
    assert (fusion.name, fusion.layers, recipe.training.epochs, recipe.seed) == (
        "layer_conv", (1, 3), 3, 7,
    )  # fmt: skip
    with pytest.raises(SystemExit, match="no override of the fusion's name"):
        fusions.recipe_with("last", str(recipe_file), ["model.fusion.name=concat"], 7)


def test_unknown_fusion_is_refused_before_anything_is_trained(
    recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fusions.main([str(recipe_file), "--only", "mean", "--out", str(tmp_path / "out.json")])
    assert "invalid choice: 'mean'" in capsys.readouterr().err


def found(strict: list[float], seconds: list[float]) -> dict[str, Any]:
    figures = {"relation_strict_micro_f1": seeds.spread(strict), "entity_f1": seeds.spread([80.0])}
    return {
        "parameters": 12345,
        "training_seconds": seeds.spread(seconds),
        "sentences_per_second": seeds.spread([99.6]),
        "corpora": {"conll04": figures},
    }


def test_table_by_hand() -> None:
    summary = {
        "encoder": "tiny",
        "fusions": {"last": found([60.0], [10.0]), "grouped": found([70.0, 72.0], [9.0, 11.0])},
    }
    assert variants.table(fusions.COMPARISON, summary).splitlines() == [
        "conll04, dev, tiny",
        "",
        "| fusion | entities | relations, boundary | relations, strict | parameters | training, s "
        "| sentences/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| `grouped` | 80.00 | - | 71.00 ± 1.41 | 12,345 | 10 ± 1 | 100 |",
        "| `last` | 80.00 | - | 60.00 | 12,345 | 10 | 100 |",
    ]


def test_table_is_printed_when_asked_for(
    finished: Path, recipe_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(recipe_file, finished, "--table")
    printed = capsys.readouterr().out
    assert "| `grouped` |" in printed
    assert "| `last` |" in printed
