"""`tripack models average` and `cut`, and `--exit-layer`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.interfaces.cli.options import METHODS
from tests.extract.interfaces.command import assert_one_line_error, run_here

LEONARD = "Leonard Parker received his PhD from Harvard University in 1967."


def test_average_writes_a_model_and_shows_what_it_is_made_of(
    tiny_twins: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    words = ["average", *tiny_twins, "--out", out, "--method", "uniform", "--quiet"]
    assert run_here("models", *words) == 0
    lines = capfd.readouterr().out.splitlines()
    metrics = json.loads((out / "metrics.json").read_text())
    assert lines[0].split("  ")[0] == "model"
    for line, member in zip(lines[1:3], metrics["members"], strict=True):
        assert line.split()[1:] == ["yes", f"{100 * member['dev_f1']:.2f}"]
    assert lines[3].split() == ["uniform", "mean", f"{100 * metrics['dev_f1']['uniform']:.2f}"]
    assert run_here("models", "info", out, "--json") == 0
    described = json.loads(capfd.readouterr().out)
    assert described["name"] == "mine" and len(described["mean_of"]) == 2
    assert run_here("extract", LEONARD, "--model", out) == 0
    assert json.loads(capfd.readouterr().out)["model"] == "mine 1.0.0"

    assert run_here("models", *words) == 4
    assert_one_line_error(capfd.readouterr().err)
    assert run_here("models", "average", tiny_twins[0], "--out", tmp_path / "one") == 5
    error = capfd.readouterr().err
    assert_one_line_error(error)
    assert "Expected two models at least to average, got 1." in error
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_unknown_method_lists_the_known_ones(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert METHODS == ["greedy", "uniform"]
    assert run_here("models", "average", "a", "b", "--out", tmp_path / "o", "--method", "x") == 2
    assert "Expected one of: greedy, uniform." in " ".join(capfd.readouterr().err.split())


def test_exit_layer_of_extract_and_evaluate_and_the_model_cut_there(
    tiny_exits: Path, facts_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = []
    for options in (["--exit-layer", 2], ["--exit-layer", 3], []):
        assert run_here("extract", LEONARD, "--model", tiny_exits, *options) == 0
        document = json.loads(capfd.readouterr().out)
        assert [t["relation"] for t in document["triples"]] == ["educated at"]
        names.append(document["model"])
    assert names == ["tiny 1.0.0 exit-2", "tiny 1.0.0", "tiny 1.0.0"]

    words = ["--model", tiny_exits, "--corpus", "hyperred", "--file", facts_file, "--quiet"]
    assert run_here("evaluate", *words, "--exit-layer", 2, "--json", tmp_path / "two.json") == 0
    result = json.loads((tmp_path / "two.json").read_text())
    assert result["settings"]["exit_layer"] == 2
    assert result["metrics"]["relation"]["strict"]["f1"] == 1.0

    capfd.readouterr()
    cut = tmp_path / "cut"
    assert run_here("models", "cut", tiny_exits, "--exit-layer", 2, "--out", cut) == 0
    assert capfd.readouterr().out == f"{cut}\n"
    assert run_here("extract", LEONARD, "--model", cut) == 0
    assert json.loads(capfd.readouterr().out)["model"] == "cut 1.0.0"


@pytest.mark.parametrize(("layer", "code"), [(1, 5), (4, 5), (0, 2), ("x", 2)])
def test_exit_that_is_not_there_is_refused(
    tiny_exits: Path, layer: object, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("extract", LEONARD, "--model", tiny_exits, "--exit-layer", layer) == code
    if code == 5:
        error = capfd.readouterr().err
        assert_one_line_error(error)
        assert f"Got exit layer {layer} for model 'tiny'; it ends after 2 or 3." in error
