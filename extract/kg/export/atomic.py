"""Files and folders that appear only when they are complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from extract.errors import OutputError


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
        raise _unwritable(target, error) from error
    try:
        path = work / "new"
        if folder_of:
            path.mkdir()
        yield path
        for file in sorted(path.iterdir()) if folder_of else [path]:
            _flush(file)
        _refuse(target, folder_of, force)  # it may have appeared meanwhile
        _put(path, target, work / "old")
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put(path: Path, target: Path, old: Path) -> None:
    """Rename `path` to `target`; a folder that stands there goes to `old` first, and back if that fails."""
    path.chmod(_usual_mode(folder=path.is_dir()))
    if not target.is_dir():
        os.replace(path, target)
        return
    os.rename(target, old)
    try:
        os.rename(path, target)
    except BaseException:
        os.rename(old, target)
        raise


def _usual_mode(*, folder: bool) -> int:
    """The permissions that `open` or `mkdir` would give: libraries that write files choose their own."""
    mask = os.umask(0)
    os.umask(mask)
    return (0o777 if folder else 0o666) & ~mask


def _flush(file: Path) -> None:
    """Have the file on the disk: some file systems report only now that they are full."""
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())


def _refuse(target: Path, folder_of: tuple[str, ...], force: bool) -> None:
    try:
        exists, is_folder = target.exists(), target.is_dir()
        inside = {entry.name for entry in target.iterdir()} if is_folder and folder_of else set()
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    if not exists:
        return
    if folder_of and not is_folder:
        raise OutputError(f"{target} is a file, expected the name of a folder to write.")
    if is_folder and not folder_of:
        raise OutputError(f"{target} is a folder, expected the name of a file to write.")
    if other := sorted(inside - set(folder_of)):
        raise OutputError(
            f"{target} holds files that are not of this export, {other[0]!r} among them; "
            "expected an empty or a new folder. Choose another."
        )
    if not force and (inside or (not is_folder and target.stat().st_size > 0)):
        raise OutputError(f"{target} exists; use --force to replace it.")


def _unwritable(target: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(
        f"Cannot write {target}: {reason}. Check the path, its permissions and free space."
    )
