"""Comparing poolings: which are compared, what is recorded, resuming, and the table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import poolings, seeds, variants
from extract.errors import RecipeError
from extract.training.recipe import Recipe, write_recipe
from tests.extract.training.runs import short_recipe

HEAD = {"name": "span_pairs", "width": 16, "features": 12, "hidden": 24, "dropout": 0.0}
NAMES = ["max+none", "endpoints+segments"]


@pytest.fixture(scope="module", autouse=True)
def threads_stay() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe_file(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, facts_file: Path
) -> Path:
    data = short_recipe(tiny_encoder, facts_file, epochs=8, eval_from=8).model_dump()
    data["model"]["head"] = HEAD
    data["corpora"][0]["metric"] = "strict"
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    write_recipe(Recipe.model_validate(data), path)
    return path


def compare(recipe: Path, folder: Path, *options: str) -> dict[str, Any]:
    command = [str(recipe), "--only", *NAMES, "--seeds", "13", "--threads", "1"]
    command += ["--runs", str(folder / "runs"), "--out", str(folder / "out.json"), *options]
    poolings.main(command)
    written: dict[str, Any] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return written


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe_file: Path) -> Path:
    """The folder of a comparison of two."""
    folder = tmp_path_factory.mktemp("poolings")
    compare(recipe_file, folder)
    return folder


def test_each_two_poolings_are_recorded_with_what_their_run_found(finished: Path) -> None:
    written = json.loads((finished / "out.json").read_text(encoding="utf-8"))
    expected = [name for name in poolings.COMPARISON.names if name in NAMES]
    assert list(written["poolings"]) == expected and len(expected) == len(NAMES)
    for name, found in written["poolings"].items():
        span, pair = name.split("+")
        assert found["settings"]["span_pooling"] == span
        assert found["settings"]["pair_pooling"] == pair
        run = finished / "runs" / f"out-{name}-13"
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        scores = metrics["dev"]["hyperred"]
        assert scores["entity"]["f1"] > 0  # or the figures would say nothing
        figures = found["corpora"]["hyperred"]
        assert figures["entity_f1"]["mean"] == round(100 * scores["entity"]["f1"], 2)
        assert found["training_seconds"]["seeds"] == [metrics["seconds"]]
        assert found["sentences_per_second"]["mean"] > 0
    # Words are as wide as 40: an end more in two span classifiers and two roles of pairs, five pieces of
    # words, and their projection.
    less, more = (written["poolings"][name]["parameters"] for name in NAMES)
    assert more - less == 40 * 24 * 3 + 5 * 12 * 24 + (40 + 1) * 12


def test_finished_runs_are_neither_trained_nor_measured_again(
    finished: Path,
    recipe_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a finished run was trained or measured again")

    before = json.loads((finished / "out.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(seeds, "train", refuse)
    monkeypatch.setattr(variants, "load", refuse)
    assert compare(recipe_file, finished, "--table")["poolings"] == before["poolings"]
    printed = capsys.readouterr().out
    assert "| span pooling | pair pooling | entities |" in printed
    assert "| `max` | `none` |" in printed


def test_by_default_one_pooling_varies_beside_the_default_of_the_other() -> None:
    comparison = poolings.COMPARISON
    assert comparison.usual == [
        *(
            f"endpoints+{pair}"
            for pair in ("attention", "dependency", "none", "between", "segments")
        ),
        "max+between",
        "attention+between",
    ]
    assert len(comparison.names) == len(set(comparison.names)) == 15
    assert set(comparison.usual) <= set(comparison.names)


def test_overrides_hold_for_all_but_not_the_poolings(recipe_file: Path) -> None:
    recipe = poolings.recipe_with("max+none", str(recipe_file), ["model.head.hidden=32"], 7)
    head = recipe.model.head.model_dump()
    assert (head["span_pooling"], head["pair_pooling"], head["hidden"]) == ("max", "none", 32)
    assert recipe.seed == 7
    with pytest.raises(SystemExit, match="no override of the head's name or poolings"):
        poolings.recipe_with(
            "max+none", str(recipe_file), ['model.head.pair_pooling="segments"'], 7
        )


def test_recipe_of_another_head_is_refused(
    tmp_path: Path, tiny_encoder: Path, facts_file: Path
) -> None:
    write_recipe(short_recipe(tiny_encoder, facts_file), tmp_path / "table.toml")
    with pytest.raises(RecipeError, match="span_pooling"):
        poolings.recipe_with("max+none", str(tmp_path / "table.toml"), [], 7)
