"""Files and folders that appear only when they are complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from extract.errors import OutputError
from extract.files import cannot_write, put, refuse_existing, sync


@contextlib.contextmanager
def replacing(target: Path, *, folder_of: tuple[str, ...], force: bool) -> Iterator[Path]:
    """A path beside `target` to write to, renamed to `target` when the block ends well.

    With `folder_of` the path is an empty folder, else the name of a file. An existing target is
    replaced only with `force`, and a folder only if it holds nothing but `folder_of`: what a user
    keeps there is not ours to delete. Raises `OutputError`.
    """
    _refuse(target, folder_of, force)
    try:
        work = Path(
            tempfile.mkdtemp(prefix=f".{target.name[:64]}.", suffix=".part", dir=target.parent)
        )
    except (OSError, ValueError) as error:
        raise cannot_write(target, error) from error
    try:
        path = work / "new"
        if folder_of:
            path.mkdir()
        yield path
        for file in sorted(path.iterdir()) if folder_of else [path]:
            sync(file)
        _refuse(target, folder_of, force)  # it may have appeared meanwhile
        path.chmod(_usual_mode(folder=path.is_dir()))
        put(path, target, work / "old")
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _usual_mode(*, folder: bool) -> int:
    """The permissions that `open` or `mkdir` would give: libraries that write files choose their own."""
    mask = os.umask(0)
    os.umask(mask)
    return (0o777 if folder else 0o666) & ~mask


def _refuse(target: Path, folder_of: tuple[str, ...], force: bool) -> None:
    try:
        if not folder_of:
            refuse_existing(target, force=force)
            return
        if not target.exists():
            return
        if not target.is_dir():
            raise OutputError(f"{target} is a file, expected the name of a folder to write")
        inside = {entry.name for entry in target.iterdir()}
    except (OSError, ValueError) as error:
        raise cannot_write(target, error) from error
    if other := sorted(inside - set(folder_of)):
        raise OutputError(
            f"{target} holds files that are not of this export, {other[0]!r} among them; "
            "expected an empty or a new folder. Choose another."
        )
    if not force and inside:
        raise OutputError(f"{target} exists; use --force to replace it")
