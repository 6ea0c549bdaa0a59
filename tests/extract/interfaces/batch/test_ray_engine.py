"""Ray: the reader and the actors by themselves, and a whole run beside the plain one."""

from __future__ import annotations

import json
import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from extract.errors import InputError, ModelError, OutputError
from extract.interfaces.batch.folder import MANIFEST
from extract.interfaces.batch.ray_engine import _Actor
from extract.interfaces.batch.ray_source import END, _blocks
from extract.interfaces.batch.runner import run
from extract.interfaces.batch.shard_writer import Job
from extract.interfaces.batch.shards import Plan
from extract.interfaces.extraction import ModelOptions
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source
from tests.extract.interfaces.batch.shared import output, request, shards, write_lines


def plan(path: Path, done: frozenset[int] = frozenset()) -> Plan:
    return Plan(Source.open(str(path), ReadSettings(lines=True)), 10, done)


def job(model: Path, folder: Path) -> Job:
    return Job(ModelOptions(model=str(model), threads=1), folder, "jsonl", "run")


def test_reader_gives_a_row_a_shard_and_one_that_says_how_it_ended(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.txt", 35)
    blocks = list(_blocks(plan(source, frozenset({1}))))
    assert [block.num_rows for block in blocks] == [1, 1, 1, 1]
    *rows, end = [block.to_pylist()[0] for block in blocks]
    assert [(row["number"], row["first"]) for row in rows] == [(0, 1), (2, 21), (3, 31)]
    assert rows[2]["ids"] == [f"in.txt:{number}" for number in range(31, 36)]
    assert end["number"] == END
    told = {"n_bad": 0, "shards": [[0, 1, 10], [2, 21, 10], [3, 31, 5]], "error": None}
    assert json.loads(end["end"]) == told


def test_reader_tells_of_a_bad_line_after_the_shards_before_it(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.txt", 15)
    source.write_bytes(source.read_bytes() + b"\xff\n")
    blocks = [block.to_pylist()[0] for block in _blocks(plan(source))]
    assert [row["number"] for row in blocks] == [0, END]
    assert "not valid UTF-8" in json.loads(blocks[1]["end"])["error"]


def test_actor_writes_what_the_plain_worker_writes(tmp_path: Path, tiny_model: Path) -> None:
    source, folder = write_lines(tmp_path / "in.txt", 20), tmp_path / "out"
    folder.mkdir()
    actor = _Actor(job(tiny_model, folder))
    rows = [actor(block).to_pylist()[0] for block in _blocks(plan(source))]
    assert [row["kind"] for row in rows] == ["result", "result", None]
    results = [json.loads(row["result"]) for row in rows[:2]]
    found = b"".join((folder / result["temporary"]).read_bytes() for result in results)
    run(request(source, tmp_path / "plain", tiny_model))
    assert found == output(tmp_path / "plain")


def test_actor_without_a_sound_model_tells_the_error(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.txt", 5)
    actor = _Actor(job(tmp_path / "missing", tmp_path))
    row = actor(next(_blocks(plan(source)))).to_pylist()[0]
    assert isinstance(pickle.loads(row["error"]), ModelError)


def test_shard_that_cannot_be_done_is_a_failure(tmp_path: Path, tiny_model: Path) -> None:
    source = write_lines(tmp_path / "in.txt", 5)
    actor = _Actor(job(tiny_model, tmp_path))
    actor._extractor = None  # type: ignore[assignment]
    row = actor(next(_blocks(plan(source)))).to_pylist()[0]
    assert row["kind"] == "failure"
    assert json.loads(row["result"])["reason"].startswith("AttributeError: ")
    assert isinstance(actor(pa.Table.from_pylist([{"number": END, "end": "{}"}])), pa.Table)


def test_engine_without_ray_says_what_to_install(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    source = write_lines(tmp_path / "in.txt", 5)
    with pytest.raises(OutputError, match=r"pip install 'tripack\[ray\]'"):
        run(request(source, tmp_path / "out", tiny_model, engine="ray"))


@pytest.mark.slow
def test_run_on_ray_is_the_plain_run_byte_for_byte(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setitem(os.environ, "RAY_worker_niceness", "0")  # or a busy machine starves it
    source = write_lines(tmp_path / "in.txt", 45)
    wanted = request(source, tmp_path / "ray", tiny_model, engine="ray", workers=2)
    run(wanted)
    run(request(source, tmp_path / "plain", tiny_model))
    assert shards(tmp_path / "ray") == shards(tmp_path / "plain")
    assert output(tmp_path / "ray") == output(tmp_path / "plain")
    names = ("ray", "plain")
    first, second = ((tmp_path / name / MANIFEST).read_bytes() for name in names)
    assert first == second
    # A bad line: the shards before it are kept, and the run goes on without it.
    source.write_bytes(source.read_bytes() + b"\xff\n")
    bad = replace(wanted, source=plan(source).source, folder=tmp_path / "bad")
    with pytest.raises(InputError, match="not valid UTF-8"):
        run(bad)
    assert len(shards(tmp_path / "bad")) == 4
