"""Files that are whole or not there, also after a power cut."""

from __future__ import annotations

import contextlib
import hashlib
import os
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


def move(source: Path, target: Path) -> None:
    """Rename a file that is on disk, and have the new name on disk, too. Raises `OSError`."""
    os.replace(source, target)
    with contextlib.suppress(OSError):  # not every system can sync a folder
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def digest(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file. Raises `OSError`."""
    total, running = 0, hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            total += len(block)
            running.update(block)
    return total, running.hexdigest()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error for a file that cannot be written."""
    return OutputError(
        f"Cannot write {path}: {error.strerror or error}. Check the path, its permissions and free space"
    )
