"""Comparing the models and profiles of a stack: figures are those of its metrics, speed is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import stack


def test_comparison_holds_figures_and_speed(
    tiny_stack: Path,
    facts_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "results" / "stack.json"
    words = [str(tiny_stack), "--corpus", "hyperred", "--split", "file", "--path", str(facts_file)]
    asked: list[str] = []

    def here(_: object, profile: str) -> dict[str, float]:
        """What the process of a profile prints, without the seconds that a process takes to start."""
        asked.append(profile)
        capfd.readouterr()
        stack.main([*words, "--one", profile])
        measured: dict[str, float] = json.loads(capfd.readouterr().out.splitlines()[-1])
        return measured

    monkeypatch.setattr(stack, "_measured", here)
    stack.main([*words, "--out", str(out)])
    found = json.loads(out.read_text())
    metrics = json.loads((tiny_stack / "metrics.json").read_text())
    for member, whole in zip(found["members"], metrics["members"], strict=True):
        strict = whole["out_of_fold"]["hyperred"]["relation"]["strict"]["f1"]
        own = member["out_of_fold"]["hyperred"]["relation_strict_micro_f1"]
        assert own == round(100 * strict, 2)
    assert [row["members"] for row in found["growing"]] == [[1, 2], [1, 2, 3]]
    assert {name: row["members"] for name, row in found["profiles"].items()} == {
        "fast": [1], "balanced": [1, 3], "best": [1, 2, 3],
    }  # fmt: skip
    for row in found["profiles"].values():
        assert row["sentences_per_second"] > 0 and 100 < row["peak_mib"] < 8000
    assert found["settings"]["sentences"] == {"hyperred": 16}
    assert asked == ["fast", "balanced", "best"]


def test_output_is_needed(tiny_stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        stack.main([str(tiny_stack), "--corpus", "hyperred"])
    assert left.value.code == 2 and "--out is required" in capsys.readouterr().err
