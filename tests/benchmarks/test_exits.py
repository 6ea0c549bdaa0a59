"""Measuring early exits: a row an exit, with figures of its own and the speed of fewer layers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import exits
from extract.training.recipe import read_recipe
from tests.conftest import ROOT


def test_every_exit_is_scored_and_timed(
    tiny_exits: Path, facts_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "exits.json"
    words = [str(tiny_exits), "--corpus", "hyperred", "--split", "file", "--path", str(facts_file)]
    exits.main([*words, "--rounds", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    assert [row["exit_layer"] for row in found["exits"]] == [2, "last"]
    assert found["n_sentences"] == 16 and found["threads"] == 1
    for row in found["exits"]:
        assert row["relation_strict_micro_f1"] == row["entity_f1"] == 100.0
        assert row["sentences_per_second"] > 0 and row["sentences_per_cpu_second"] > 0
    assert found["exits"][1]["speed_ratio"] == 1.0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| exit after layer | entities |")
    assert [line.split()[1] for line in lines[2:]] == ["2", "last"]


def test_counts_below_one_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        exits.main(["model", "--corpus", "conll04", "--rounds", "0"])
    assert left.value.code == 2 and "from 1 up, got 1 and 0" in capsys.readouterr().err


def test_recipes_that_the_page_names_are_what_it_says() -> None:
    early = read_recipe(ROOT / "recipes" / "conll04-early_exit.toml")
    assert early.exits(6) == (2, 3, 4, 5) and early.model.fusion.name == "last"
    lora = read_recipe(ROOT / "recipes" / "conll04-lora.toml")
    assert lora.model.lora is not None and lora.model.lora.rank == 16
