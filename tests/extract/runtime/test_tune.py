"""`tripack models tune` measures what a folder can be run by; `--runtime auto` takes what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extract import load
from extract.errors import ModelError, OutputError
from extract.models.folder import ModelFolder
from extract.runtime import tune as tuning
from extract.runtime.export import export_onnx
from extract.runtime.session import OnnxEncoder
from extract.runtime.tune import tune
from extract.runtime.tuned import Measured, Tuned, keep, tuned_file, tuned_runtime
from tests.extract.interfaces.command import run_here


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / "model"
    export_onnx(tiny_model, folder)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def in_onnx(folder: Path, **options: Any) -> bool:
    predictor: Any = load(folder, runtime="auto", device="cpu", **options)._predictor
    return isinstance(predictor._word_states, OnnxEncoder)


def choose_onnx(folder: Path, threads: int = 1) -> Path:
    measured = (Measured(kind="onnx-fp32", sentences_per_second=9.0, eligible=True),)
    return keep(ModelFolder(folder), Tuned(runtime="onnx", threads=threads, measured=measured))


def test_auto_is_torch_until_something_was_measured(exported: Path) -> None:
    assert not in_onnx(exported, threads=1)
    choose_onnx(exported)
    assert in_onnx(exported, threads=1)


def test_auto_is_torch_where_torch_alone_does_what_is_asked(
    exported: Path, tiny_stack: Path
) -> None:
    choose_onnx(exported)
    assert not in_onnx(exported, threads=1, dtype="bfloat16")
    assert not in_onnx(exported, threads=1, dtype="float32")
    assert load(tiny_stack, runtime="auto", device="cpu").schema.relations


def test_choice_holds_for_threads_and_files_it_was_measured_with(
    exported: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_onnx(exported, threads=1)
    assert tuned_runtime(ModelFolder(exported), 1) == "onnx"
    assert tuned_runtime(ModelFolder(exported), 2) == "torch"
    # The same weights without the export.
    assert tuned_runtime(ModelFolder(tiny_model), 1) == "torch"
    monkeypatch.setattr("extract.runtime.tuned.processor_name", lambda: "another")
    assert tuned_runtime(ModelFolder(exported), 1) == "torch"


def test_damaged_choice_is_told_and_torch_is_taken(
    exported: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choose_onnx(exported).write_text('{"runtime": "tensorrt"}', encoding="utf-8")
    assert tuned_runtime(ModelFolder(exported), 1) == "torch"
    assert "Tune the model again" in caplog.text


def test_cache_that_cannot_be_written_is_an_error(exported: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="Cannot write"):
        choose_onnx(exported)


@pytest.mark.parametrize(("fastest", "runtime"), [(0, "torch"), (1, "torch"), (2, "onnx")])
def test_tune_takes_the_fastest_but_never_bfloat16(
    exported: Path, monkeypatch: pytest.MonkeyPatch, fastest: int, runtime: str
) -> None:
    """By times that are given, since which is the fastest of a tiny model depends on the machine."""
    seconds = [3.0, 3.5, 4.0]
    seconds[fastest] = 1.0
    monkeypatch.setattr(tuning, "multiplies_bfloat16", lambda: True)
    monkeypatch.setattr(tuning, "_seconds", lambda *_: seconds)
    tuned = tune(exported, 1)
    assert [one.kind for one in tuned.measured] == ["torch-float32", "torch-bfloat16", "onnx-fp32"]
    assert [one.eligible for one in tuned.measured] == [True, False, True]
    assert tuned.runtime == tuned_runtime(ModelFolder(exported), 1) == runtime


def test_stack_cannot_be_tuned(tiny_stack: Path) -> None:
    with pytest.raises(ModelError, match="is a stack of models"):
        tune(tiny_stack)


def test_command_measures_and_keeps(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here("models", "tune", exported, "--threads", 1, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert all(one["sentences_per_second"] > 0 for one in printed["measured"])
    assert {"torch-float32", "onnx-fp32"} <= {one["kind"] for one in printed["measured"]}
    kept = json.loads(tuned_file(ModelFolder(exported), 1).read_text("utf-8"))
    assert kept == printed
    assert run_here("models", "tune", exported, "--threads", 1) == 0
    assert "--runtime auto with 1 threads: " in capsys.readouterr().out
    text = "Leonard Parker received his PhD from Harvard University in 1967."
    assert run_here("extract", text, "--model", exported, "--runtime", "auto", "-q") == 0
    assert json.loads(capsys.readouterr().out)["triples"]
