"""`tripack models prune`: what it writes and says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.models.folder import ModelFolder, read_model
from tests.extract.interfaces.command import assert_one_line_error, run_here


def test_prune_writes_a_model_and_says_what_it_kept_and_how_to_go_on(
    tiny_model: Path, facts_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small"
    words = ["models", "prune", tiny_model, "--layers", 2, "--by", "block", "-c", "hyperred"]
    words += ["--split", "train", "--path", facts_file, "--sentences", 5, "--out", out, "--json"]
    assert run_here(*words) == 0
    said = capfd.readouterr()
    found = json.loads(said.out)
    model, _, settings = read_model(ModelFolder(out))
    assert tuple(found["kept"]) == model.encoder.kept and settings.name == "tiny-pruned"
    assert len(found["block_influence"]) == len(found["distance_around_block"]) == 3
    assert f"start = '{out}'" in said.err and "under [model.encoder]" in said.err


def test_truncation_reads_no_corpus(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small"
    words = ["models", "prune", tiny_model, "--layers", 1, "--by", "truncation", "--out", out]
    assert run_here(*words) == 0
    said = capfd.readouterr()
    assert said.out == "kept layers: 1\n"
    assert "n_layers = 1" in said.err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--layers", 2], "Got --by similarity without --corpus"),
        (["--layers", 2, "--by", "luck"], "Expected one of: block, similarity, truncation."),
        (["--layers", 3, "--by", "truncation"], "keep 1 to 2 of the model's 3 layers, got 3"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_nothing_is_written(
    tiny_model: Path,
    tmp_path: Path,
    options: list[object],
    part: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run_here("models", "prune", tiny_model, *options, "--out", tmp_path / "x") != 0
    error = capfd.readouterr().err
    assert_one_line_error(error)
    assert part in error
    assert not (tmp_path / "x").exists()
