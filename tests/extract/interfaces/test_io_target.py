"""Output files: whole or not at all, nothing lost, nothing overwritten unasked."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import extract.interfaces.io.target as target_module
from extract.errors import OutputError
from extract.interfaces.io.target import Target


def test_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with Target(out) as target:
        target.write("head\n", n_documents=0)
        target.write("one\n")
        assert not out.exists()
        assert (tmp_path / "out.jsonl.part").read_text() == "head\none\n"
    assert out.read_text() == "head\none\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert target.n_documents == 1


def test_error_keeps_complete_documents_in_the_part(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt) as caught, Target(out) as target:
        target.write("one\n")
        target.write("two\n")
        raise KeyboardInterrupt
    part = tmp_path / "out.jsonl.part"
    assert not out.exists() and part.read_text() == "one\ntwo\n"
    assert caught.value.__notes__ == [f"2 complete documents are in {part}"]


@pytest.mark.parametrize("after", range(50))
def test_interrupt_at_any_step_of_a_write_keeps_what_is_whole(
    tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_module, "_BLOCK", 2)  # so that a document is several blocks
    steps = 0
    code = [f.__code__ for f in (Target.write, Target._put, target_module._blocks)]

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        if frame.f_code not in code:
            return None
        steps += event == "line"
        if steps > after:
            raise KeyboardInterrupt
        return count

    part, whole = tmp_path / "out.jsonl.part", 0
    with pytest.raises(KeyboardInterrupt) as caught, Target(tmp_path / "out.jsonl") as target:
        target.write("one\n")
        sys.settrace(count)
        try:
            target.write(["tw", "o", "\n"])
        finally:
            sys.settrace(None)
            whole = part.read_text().count("\n")
        raise KeyboardInterrupt
    assert part.read_text() == "one\ntwo\n"[: 4 * whole]
    assert caught.value.__notes__ == [f"{whole} complete documents are in {part}"]


def test_error_without_documents_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), Target(tmp_path / "out.csv") as target:
        target.write("header\n", n_documents=0)
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("leftover", ["out.jsonl", "out.jsonl.part"])
def test_existing_results_are_kept_unless_forced(tmp_path: Path, leftover: str) -> None:
    (tmp_path / leftover).write_text("precious")
    out = tmp_path / "out.jsonl"
    with pytest.raises(OutputError, match=r"exists.*use --force to"), Target(out):
        pass
    assert (tmp_path / leftover).read_text() == "precious"
    with Target(out, force=True) as target:
        target.write("new\n")
    assert out.read_text() == "new\n"


def test_empty_file_is_replaced_unasked(tmp_path: Path) -> None:
    out = tmp_path / "made-by-mktemp"
    out.touch()
    with Target(out) as target:
        target.write("new\n")
    assert out.read_text() == "new\n"


def test_file_that_appears_during_the_run_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(OutputError, match="exists; use --force") as caught, Target(out) as target:
        target.write("mine\n")
        out.write_text("theirs")
    assert out.read_text() == "theirs"
    assert (tmp_path / "out.jsonl.part").read_text() == "mine\n"
    assert "1 complete documents" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/out.jsonl", "No such file or directory"),
        ("file/out.jsonl", "Not a directory"),
        ("folder", "is a folder"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null byte"),
    ],
)
def test_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=reason), Target(tmp_path / name):
        pass


def test_full_disk_cuts_the_part_to_complete_documents(tmp_path: Path) -> None:
    # A limit on the file's size makes the write fail half-way, as a full disk does.
    out, line = tmp_path / "out.jsonl", "x" * 99 + "\n"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (250, limits[1]))
        with pytest.raises(OutputError, match="File too large") as caught, Target(out) as target:
            for _ in range(5):
                target.write(line)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not out.exists()
    assert (tmp_path / "out.jsonl.part").read_text() == line * 2
    assert "2 complete documents" in caught.value.__notes__[0]


def test_devices_are_written_directly() -> None:
    with Target(Path("/dev/null")) as target:
        target.write("gone\n")
    assert target.n_documents == 1
    with pytest.raises(OutputError, match="No space left"), Target(Path("/dev/full")) as target:
        target.write("full\n")
