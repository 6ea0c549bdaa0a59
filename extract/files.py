"""Files and folders that are whole or not there, also after a power cut."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from extract.errors import OutputError

_BLOCK = 1 << 20


def write_whole(path: Path, text: str, temporary: Path) -> None:
    """Replace a file by `text` at one moment. Raises `OutputError`; then the old file is as it was."""
    try:
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        move(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target` to fill, which takes its place when the block ends well.

    Folders above it are made, and a folder that stands there is replaced. Raises `OSError`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".writing-") as work:
        path = Path(work, "new")
        path.mkdir()
        yield path
        put(path, target, Path(work, "old"))


def put(path: Path, target: Path, old: Path) -> None:
    """Rename `path` to `target`; a folder that stands there goes to `old` first, and back if that fails.

    Raises `OSError`.
    """
    if not target.is_dir():
        move(path, target)
        return
    os.rename(target, old)
    try:
        move(path, target)
    except BaseException:
        os.rename(old, target)
        raise


def move(source: Path, target: Path) -> None:
    """Rename what is on disk, and have the new name on disk, too. Raises `OSError`."""
    os.replace(source, target)
    with contextlib.suppress(OSError):  # not every system can sync a folder
        _sync(target.parent, os.O_RDONLY)


def sync(file: Path) -> None:
    """Have a file's content on the disk: some file systems report only now that they are full."""
    _sync(file, os.O_RDWR)


def _sync(path: Path, mode: int) -> None:
    opened = os.open(path, mode)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def digest(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file. Raises `OSError`."""
    total, running = 0, hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            total += len(block)
            running.update(block)
    return total, running.hexdigest()


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise `OutputError` if writing the file would lose what is there; with `force` only for a folder."""
    if not path.exists():
        return
    if path.is_dir():
        raise OutputError(f"{path} is a folder, expected the name of a file to write")
    # An empty file, as made by mktemp, holds nothing to lose.
    if not force and path.stat().st_size > 0:
        raise OutputError(f"{path} exists; use --force to replace it")


def cannot_write(where: Path | str, error: Exception) -> OutputError:
    """The error for what cannot be written."""
    reason = getattr(error, "strerror", None) or error
    return OutputError(
        f"Cannot write {where}: {reason}. Check the path, its permissions and free space"
    )
