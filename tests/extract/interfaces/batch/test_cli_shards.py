"""`tripack extract --output FOLDER/` as a user types it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.extract.interfaces.batch.shared import ids, output, shards, write_lines
from tests.extract.interfaces.command import assert_one_line_error, run_here, tripack


def test_run_over_a_compressed_file_says_what_it_did(tmp_path: Path, tiny_model: Path) -> None:
    packed = tmp_path / "in.txt.gz"
    packed.write_bytes(gzip.compress(write_lines(tmp_path / "in.txt", 25).read_bytes()))
    out = tmp_path / "out"
    words = ["extract", "--lines", "--input", packed, "--output", f"{out}/", "--model", tiny_model]
    words += ["--shard-size", 10, "--workers", 1]
    done = tripack(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("tripack: 25 documents, ") and " in 3 shards, " in done.stderr
    assert done.stdout == ""
    assert ids(out) == [f"in.txt.gz:{number}" for number in range(1, 26)]
    before = output(out)
    again = tripack(*words)
    assert again.returncode == 4
    assert_one_line_error(again.stderr)
    assert f"{out} holds a finished run of 3 shards; use --force to replace it" in again.stderr
    resumed = tripack(*words, "--resume")
    assert resumed.returncode == 0 and "3 shards were there before" in resumed.stderr
    assert output(out) == before and len(shards(out)) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--output", "out.jsonl", "--shard-size", 5], "Got --shard-size with --output out.jsonl"),
        (["--resume"], "Got --resume with no --output"),
        (["--output", "out/", "--workers", 0], "at least 1, got 0"),
        (["--output", "out/", "--engine", "dask"], "Expected one of: local, ray"),
        (["--output", "out/", "--format", "csv"], "expected one of: jsonl, parquet"),
        (["--output", "out/", "--format", "parquet", "--explain"], "Got --explain with"),
        (["--output", "out/", "--force", "--resume"], "Got both --resume and --force"),
        (["--output", "in/out/"], "The input is inside in/out/"),
        (["--output", "in/further/"], "The output in/further/ is inside the input in, expected"),
        (["--output", "out/", "--input", "-"], "Got --input 2 times, expected it once"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[object],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "out").mkdir(parents=True)
    write_lines(tmp_path / "in" / "out" / "a.txt", 3)
    assert run_here("extract", "--lines", "--input", "in", *words) == 2
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("output_", "said"),
    [("missing/out/", "No such file or directory"), ("in.txt/", "is a file, expected a folder")],
)
def test_folder_that_cannot_be_made_is_exit_4(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], output_: str, said: str
) -> None:
    source = write_lines(tmp_path / "in.txt", 3)
    words = ["--lines", "--input", source, "--output", f"{tmp_path}/{output_}"]
    assert run_here("extract", *words) == 4
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert said in err


def test_model_that_is_missing_is_exit_5(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = write_lines(tmp_path / "in.txt", 3)
    words = ["--lines", "--input", source, "--output", f"{tmp_path}/out/", "--model", "no/such"]
    assert run_here("extract", *words) == 5
    assert_one_line_error(capfd.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
