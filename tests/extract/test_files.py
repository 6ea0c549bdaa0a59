"""Files and folders that are whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from extract import files
from extract.errors import OutputError
from extract.files import put, refuse_existing, whole_folder, write_whole


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


def test_folder_takes_the_place_of_another_with_the_usual_permissions(tmp_path: Path) -> None:
    target = tmp_path / "above" / "model"
    for text in ("old", "new"):
        with whole_folder(target) as path:
            (path / f"{text}.txt").write_text(text)
            assert not (target / f"{text}.txt").exists()
    assert contents(tmp_path) == {"above/model/new.txt": "new"}
    beside = tmp_path / "plain"
    beside.mkdir()
    assert target.stat().st_mode == beside.stat().st_mode


def test_block_that_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(target) as path:
        (path / "new.txt").write_text("new")
        raise RuntimeError
    assert contents(tmp_path) == {"model/old.txt": "old"}


def test_folder_comes_back_if_the_new_one_cannot_be_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EACCES, "no")

    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")
    (tmp_path / "new").mkdir()
    monkeypatch.setattr(files, "move", refuse)
    with pytest.raises(OSError, match="no"):
        put(tmp_path / "new", target, tmp_path / "aside")
    assert contents(tmp_path) == {"model/old.txt": "old"}


def test_text_replaces_a_file_or_leaves_it_as_it_was(tmp_path: Path) -> None:
    path, temporary = tmp_path / "a.json", tmp_path / "a.json.tmp"
    write_whole(path, "one", temporary)
    write_whole(path, "two", temporary)
    assert contents(tmp_path) == {"a.json": "two"}
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        OutputError, match=r"Cannot write .*folder: Is a directory\. Check the path"
    ):
        write_whole(tmp_path / "folder", "three", temporary)
    assert contents(tmp_path) == {"a.json": "two"}


def test_existing_file_is_refused_unless_forced_or_empty(tmp_path: Path) -> None:
    path = tmp_path / "out"
    refuse_existing(path, force=False)
    path.touch()
    refuse_existing(path, force=False)
    path.write_text("kept")
    refuse_existing(path, force=True)
    with pytest.raises(OutputError, match="out exists; use --force to replace it"):
        refuse_existing(path, force=False)
    with pytest.raises(OutputError, match="is a folder, expected the name of a file"):
        refuse_existing(tmp_path, force=True)
    assert os.listdir(tmp_path) == ["out"]
