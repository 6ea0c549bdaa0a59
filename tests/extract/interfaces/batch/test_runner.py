"""Runs over shards: what they leave, what they go on from, what they refuse."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError, ModelError, OutputError
from extract.interfaces.batch.folder import LOCK, MANIFEST, OutputFolder
from extract.interfaces.batch.manifest import read_manifest
from extract.interfaces.batch.runner import run
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source
from extract.structures import Document
from tests.extract.interfaces.batch.shared import ids, output, request, shards, write_lines
from tests.extract.interfaces.command import run_here


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 documents: five shards, the last one short."""
    return write_lines(tmp_path_factory.mktemp("lines") / "in.txt", 45)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, lines: Path, tiny_model: Path) -> bytes:
    """What `tripack extract` writes to one file."""
    out = tmp_path_factory.mktemp("plain") / "out.jsonl"
    words = ["--lines", "--input", lines, "--output", out, "--model", tiny_model]
    assert run_here("extract", *words) == 0
    return out.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, lines: Path, tiny_model: Path) -> Path:
    """The folder of a finished run with two workers."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    run(request(lines, folder, tiny_model, workers=2))
    return folder


@pytest.fixture
def copied(tmp_path: Path, whole: Path) -> Path:
    """The finished run, to be changed."""
    return shutil.copytree(whole, tmp_path / "out")


def without(folder: Path, *numbers: int) -> None:
    """Make a run one that was interrupted before some shards were done."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    for number in numbers:
        (folder / manifest["shards"].pop(str(number))["file"]).unlink()
    path.write_text(json.dumps(manifest | {"complete": False, "n_shards": None}))


def test_shards_together_are_the_output_of_one_process(whole: Path, plain: bytes) -> None:
    assert shards(whole) == [f"part-00000{number}.jsonl" for number in range(5)]
    assert output(whole) == plain
    names = {path.name for path in whole.iterdir()}
    assert names - {LOCK} == {MANIFEST, *shards(whole)}


def test_manifest_says_what_was_read_and_done(whole: Path, lines: Path, tiny_model: Path) -> None:
    manifest = json.loads((whole / MANIFEST).read_text())
    assert manifest["complete"] and manifest["n_shards"] == 5 and manifest["n_bad"] == 0
    (source,) = manifest["inputs"]
    assert (source["name"], source["n_bytes"]) == ("in.txt", lines.stat().st_size)
    assert manifest["model"]["name"] == "tiny" and len(manifest["model"]["sha256"]) == 64
    assert manifest["settings"]["shard_size"] == 10 and manifest["settings"]["lines"] is True
    records = list(manifest["shards"].values())
    assert [record["first"] for record in records] == [1, 11, 21, 31, 41]
    assert [record["n_documents"] for record in records] == [10, 10, 10, 10, 5]
    n_triples = sum(len(json.loads(line)["triples"]) for line in output(whole).splitlines())
    assert sum(record["n_triples"] for record in records) == n_triples > 10


def test_resume_does_what_is_missing_or_damaged_and_nothing_else(
    copied: Path, lines: Path, tiny_model: Path, plain: bytes
) -> None:
    without(copied, 1, 3)
    damaged = copied / "part-000002.jsonl"
    damaged.write_bytes(damaged.read_bytes()[:-2] + b"x\n")
    (copied / "part-000007.jsonl").write_text("of no run\n")
    (copied / "part-000001.jsonl.0123_45.tmp").write_text("half a sh")
    (copied / "notes.txt").write_text("mine")
    before = (copied / "part-000000.jsonl").stat()
    summary = run(request(lines, copied, tiny_model, resume=True))
    assert (summary.n_shards_before, summary.n_shards, summary.n_documents) == (2, 3, 30)
    assert output(copied) == plain
    assert (copied / "part-000000.jsonl").stat().st_mtime_ns == before.st_mtime_ns
    assert (copied / "notes.txt").read_text() == "mine"
    assert not list(copied.glob("*.tmp"))


def test_resume_of_a_finished_run_does_nothing(copied: Path, lines: Path, tiny_model: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.glob("part-*")}
    summary = run(request(lines, copied, tiny_model, resume=True))
    assert (summary.n_shards_before, summary.n_shards) == (5, 0)
    assert {path: path.stat().st_mtime_ns for path in copied.glob("part-*")} == before


@pytest.mark.parametrize("complete", [True, False])
def test_earlier_run_is_kept_unless_told(
    copied: Path, lines: Path, tiny_model: Path, complete: bool
) -> None:
    if not complete:
        without(copied, 4)
    before = output(copied)
    expected = "holds a finished run of 5 shards" if complete else "holds an unfinished run of 4"
    with pytest.raises(OutputError, match=expected):
        run(request(lines, copied, tiny_model))
    assert output(copied) == before


def test_force_starts_over(tmp_path: Path, copied: Path, tiny_model: Path) -> None:
    other = write_lines(tmp_path / "other.txt", 7)
    run(request(other, copied, tiny_model, force=True))
    assert shards(copied) == ["part-000000.jsonl"]
    assert ids(copied) == [f"other.txt:{number}" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shard_size": 9}, "shard size 10, now 9"),
        ({"format": "parquet"}, "format jsonl, now parquet"),
        ({"threshold": 0.9}, r"threshold None, now 0\.9"),
        ({"threads": 2}, "threads 1, now 2"),
        ({"lines": False}, "lines True, now False"),
        ({"input": "more"}, r"another content of in\.txt \(\d+ bytes, now \d+\)"),
        ({"name": "moved.txt"}, r"input in\.txt, now moved\.txt"),
        ({"model": "card"}, r"model tiny .* \(\w{8}\), now tiny .* \(\w{8}\)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_resume_with_anything_else_is_refused(
    tmp_path: Path, copied: Path, lines: Path, tiny_model: Path, change: dict[str, Any], said: str
) -> None:
    without(copied, 4)
    before = output(copied)
    wanted = request(lines, copied, tiny_model, resume=True)
    for key, value in change.items():
        if key in ("shard_size", "format"):
            wanted = replace(wanted, **{key: value})
        elif key in ("threshold", "threads"):
            wanted = replace(wanted, options=replace(wanted.options, **{key: value}))
        elif key == "lines":
            wanted = replace(wanted, source=Source.open(str(lines), ReadSettings(lines=value)))
        elif key == "model":
            model = shutil.copytree(tiny_model, tmp_path / "model")
            (model / "MODEL_CARD.md").write_text("changed\n")
            wanted = replace(wanted, options=replace(wanted.options, model=str(model)))
        else:
            file = tmp_path / (value if key == "name" else "in.txt")
            file.write_bytes(lines.read_bytes() + (b"more\n" if key == "input" else b""))
            wanted = replace(wanted, source=Source.open(str(file), ReadSettings(lines=True)))
    with pytest.raises(OutputError, match=said):
        run(wanted)
    assert output(copied) == before


def test_second_run_on_a_folder_is_refused(tmp_path: Path, lines: Path, tiny_model: Path) -> None:
    with OutputFolder(tmp_path / "out"), pytest.raises(OutputError, match="in use by another run"):
        run(request(lines, tmp_path / "out", tiny_model))
    assert list((tmp_path / "out").glob("part-*")) == []


def test_lock_file_that_a_killed_run_left_is_no_lock(
    tmp_path: Path, lines: Path, tiny_model: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK).write_text("left behind")
    with OutputFolder(tmp_path / "out") as folder:
        assert folder.previous() is None


def test_folder_with_other_files_is_refused(tmp_path: Path, lines: Path, tiny_model: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(OutputError, match=r"holds other files \(holiday\.jpg\)"):
        run(request(lines, tmp_path, tiny_model))


def test_damaged_manifest_is_told(copied: Path, lines: Path, tiny_model: Path) -> None:
    (copied / MANIFEST).write_text("{")
    with pytest.raises(OutputError, match=r"manifest\.json is damaged.*--force"):
        run(request(lines, copied, tiny_model, resume=True))


def test_bad_line_stops_the_run_after_the_shards_before_it_and_can_be_skipped(
    tmp_path: Path, tiny_model: Path
) -> None:
    source = write_lines(tmp_path / "in.txt", 45)
    data = source.read_bytes().splitlines(keepends=True)
    data[33] = b"\xff\n"
    source.write_bytes(b"".join(data))
    folder = tmp_path / "out"
    with pytest.raises(InputError, match="not valid UTF-8") as caught:
        run(request(source, folder, tiny_model, workers=2))
    assert any("3 finished shards are in" in note for note in caught.value.__notes__)
    assert ids(folder) == [f"in.txt:{number}" for number in range(1, 31)]
    skipping = Source.open(str(source), ReadSettings(lines=True, skip_bad=True))
    run(replace(request(source, folder, tiny_model, resume=True), source=skipping))
    assert ids(folder) == [f"in.txt:{number}" for number in range(1, 46) if number != 34]
    manifest = read_manifest(folder / MANIFEST)
    assert manifest is not None and manifest.complete and manifest.n_bad == 1


def test_damaged_model_is_one_error_and_not_tried_again(
    tmp_path: Path, lines: Path, tiny_model: Path
) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    os.truncate(model / "model.safetensors", 1000)
    with pytest.raises(ModelError, match="is damaged"):
        run(request(lines, tmp_path / "out", model, workers=2))
    assert shards(tmp_path / "out") == []
    # Nothing was done, so that the same command may be given again with the model repaired.
    shutil.copy(tiny_model / "model.safetensors", model)
    run(request(lines, tmp_path / "out", model))
    assert len(shards(tmp_path / "out")) == 5


def test_parquet_shards_hold_what_json_lines_hold(
    tmp_path: Path, lines: Path, tiny_model: Path, plain: bytes
) -> None:
    import pyarrow.parquet as pq

    from extract.interfaces.batch.parquet import SCHEMA

    run(request(lines, tmp_path / "out", tiny_model, format="parquet", shard_size=20))
    files = [tmp_path / "out" / name for name in shards(tmp_path / "out")]
    assert [file.suffix for file in files] == [".parquet"] * 3
    assert all(pq.read_schema(file).equals(SCHEMA) for file in files)
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert rows == [json.loads(line) for line in plain.splitlines()]


def test_a_row_group_of_long_documents_has_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    from extract.interfaces.batch import parquet

    monkeypatch.setattr(parquet, "_CHARACTERS", 10)
    monkeypatch.setattr(parquet, "_ROWS", 4)
    texts = ["a" * n for n in (3, 3, 3, 3, 3, 12, 9, 1, 2)]
    documents = [Document(text, (), f"doc-{n}") for n, text in enumerate(texts)]
    assert list(parquet.write_parquet(documents, tmp_path / "out.parquet")) == documents
    file = pq.ParquetFile(tmp_path / "out.parquet")
    groups = [file.read_row_group(n)["text"].to_pylist() for n in range(file.num_row_groups)]
    assert groups == [texts[:4], texts[4:6], texts[6:8], texts[8:]]
