"""Targets appear when complete; what stands there is kept until then, and what is not ours for good."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extract.errors import OutputError
from extract.kg.export.atomic import replacing

FILES = ("a.csv", "b.csv")


def write(target: Path, *files: str, content: str = "new", force: bool = False) -> None:
    with replacing(target, folder_of=files, force=force) as path:
        for file in files:
            (path / file).write_text(content)
        if not files:
            path.write_text(content)


@pytest.mark.parametrize("files", [(), FILES])
def test_target_appears_at_the_end_and_nothing_else_stays(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    target = tmp_path / "out"
    with replacing(target, folder_of=files, force=False) as path:
        for file in files:
            (path / file).write_text("new")
        if not files:
            path.write_text("new")
        assert not target.exists() and path.parent.parent == tmp_path
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    mask = os.umask(0)
    os.umask(mask)
    assert target.stat().st_mode & 0o777 == (0o777 if files else 0o666) & ~mask


@pytest.mark.parametrize("files", [(), FILES])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, UnicodeError])
def test_error_leaves_what_was_there(
    tmp_path: Path, files: tuple[str, ...], error: type[BaseException]
) -> None:
    target = tmp_path / "out"
    write(target, *files, content="old")
    with (
        pytest.raises(error),
        replacing(target, folder_of=files, force=True) as path,
    ):
        (path / "a.csv" if files else path).write_text("half")
        raise error
    kept = [target / file for file in files] or [target]
    assert all(file.read_text() == "old" for file in kept)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("files", [(), FILES])
def test_existing_target_is_replaced_only_by_force(tmp_path: Path, files: tuple[str, ...]) -> None:
    target = tmp_path / "out"
    write(target, *files, content="old")
    with pytest.raises(OutputError, match="out exists; use --force to replace it"):
        write(target, *files)
    write(target, *files, force=True)
    kept = [target / file for file in files] or [target]
    assert all(file.read_text() == "new" for file in kept)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_empty_file_and_empty_folder_hold_nothing_to_lose(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    write(tmp_path / "file")
    write(tmp_path / "folder", *FILES)
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "a.csv").read_text() == "new"


def test_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(OutputError, match=r"not of this export, 'thesis.txt' among them"):
            write(tmp_path, *FILES, force=force)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_file_for_folder_and_folder_for_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file, expected the name of a folder"):
        write(tmp_path / "file", *FILES, force=True)
    with pytest.raises(OutputError, match="is a folder, expected the name of a file"):
        write(tmp_path, force=True)


def test_folder_that_is_missing_and_name_too_long_are_one_line(tmp_path: Path) -> None:
    for name in ("missing/out", "x" * 300, "nul\0"):
        with pytest.raises(OutputError, match=r"Cannot write .*Check the path"):
            write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    with (
        pytest.raises(OutputError, match=r"Cannot write .*out: No space left on device"),
        replacing(tmp_path / "out", folder_of=(), force=False) as path,
    ):
        path.symlink_to(full)
        path.write_text("x" * 100_000)
    assert list(tmp_path.iterdir()) == []
