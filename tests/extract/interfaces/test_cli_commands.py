"""`tripack train`, `tripack models` and `tripack corpora`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.extract.interfaces.command import assert_one_line_error, run_here


def write_recipe_file(path: Path, tiny_encoder: Path, facts_file: Path) -> Path:
    from extract.training.recipe import write_recipe
    from tests.tiny import tiny_recipe

    write_recipe(tiny_recipe(tiny_encoder, facts_file), path)
    return path


def test_train_writes_a_run_folder_that_extract_can_use(
    tmp_path: Path,
    tiny_encoder: Path,
    facts_file: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe_file(tmp_path / "short.toml", tiny_encoder, facts_file)
    settings = ["training.epochs=1", "training.eval_from=1", "name=short"]
    assert run_here("train", recipe, *settings) == 0
    metrics = json.loads(capfd.readouterr().out)
    assert metrics["name"] == "short"
    run = tmp_path / "runs" / "short"
    assert 'name = "short"' in (run / "recipe.toml").read_text()
    assert (
        run_here("extract", "Anna Lind joined Northwind.", "--model", run, "-o", "out.jsonl") == 0
    )
    assert json.loads((tmp_path / "out.jsonl").read_text())["model"] == "short 1.0.0"


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["missing.toml"], 3, "Cannot read recipe missing.toml: No such file"),
        (["broken.toml"], 3, "broken.toml is not TOML"),
        (["good.toml", "epochs"], 3, "Expected an override as key=value"),
        (["good.toml", "training.epoch=3"], 3, "training.epoch"),
        (["good.toml", "training.epochs=none"], 3, "training.epochs"),
        (["good.toml", "--output", "good.toml"], 4, "Cannot make the run folder good.toml"),
        (["good.toml", 'corpora=[{name="nope"}]'], 3, "Unknown corpus 'nope'"),
    ],
)
def test_train_wrong_recipe_is_one_line(
    tmp_path: Path,
    tiny_encoder: Path,
    facts_file: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    part: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recipe_file(tmp_path / "good.toml", tiny_encoder, facts_file)
    (tmp_path / "broken.toml").write_text("name = ")
    assert run_here("train", *words, "--quiet") == code
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert part in err


def test_models_list_is_the_registry(capfd: pytest.CaptureFixture[str]) -> None:
    from extract.models import registry

    assert run_here("models", "list", "--json") == 0
    listed = json.loads(capfd.readouterr().out)
    assert [model["name"] for model in listed] == [m.name for m in registry.available()]
    assert run_here("models", "list") == 0
    shown = capfd.readouterr().out
    assert all(model["name"] in shown for model in listed)


def test_models_info_shows_name_labels_and_files(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("models", "info", tiny_model, "--json") == 0
    described = json.loads(capfd.readouterr().out)
    assert described["name"] == "tiny" and "educated at" in described["relations"]
    assert run_here("models", "info", tiny_model) == 0
    shown = capfd.readouterr().out
    assert "educated at" in shown and "end time" in shown and str(tiny_model) in shown


@pytest.mark.parametrize("model", ["no-such-model", "empty"])
def test_models_info_of_none_is_one_line(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    model: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert run_here("models", "info", model) == 5
    assert_one_line_error(capfd.readouterr().err)


def test_corpora_list_names_all(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import corpora

    monkeypatch.delenv("TRIPACK_CORPORA", raising=False)
    assert run_here("corpora", "list", "--json") == 0
    rows = json.loads(capfd.readouterr().out)
    assert [row["name"] for row in rows] == corpora.names()
    assert all(row["folder"] is None for row in rows)
    assert run_here("corpora", "list") == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *corpora.names()]


def test_corpora_show_counts_a_file(facts_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import corpora

    examples = corpora.read("hyperred", facts_file)["file"]
    assert run_here("corpora", "show", "hyperred", "--path", facts_file, "--json") == 0
    counts = json.loads(capfd.readouterr().out)["splits"]["file"]
    assert counts["examples"] == len(examples)
    assert counts["triples"] == sum(len(e.sentence.triples) for e in examples)
    assert run_here("corpora", "show", "hyperred", "--path", facts_file) == 0
    shown = capfd.readouterr().out
    assert "licence" in shown and f"file   {len(examples)}" in shown and "educated at" in shown


def test_corpora_show_without_data_says_how_to_give_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIPACK_CORPORA", raising=False)
    assert run_here("corpora", "show", "conll04") == 0
    shown = capfd.readouterr().out
    assert "Roth and Yih" in shown and "set TRIPACK_CORPORA" in shown


@pytest.mark.parametrize(
    ("words", "part"),
    [(["nope"], "Unknown corpus 'nope'"), (["conll04", "--path", "missing"], "missing")],
)
def test_corpora_show_wrong_name_or_path_is_one_line(
    words: list[str], part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("corpora", "show", *words) == 3
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert part in err
