"""Where documents go: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from extract.errors import OutputError
from extract.files import cannot_write, move, refuse_existing

_BLOCK = 2**20  # characters that are written at once; few documents have more


class _Written(NamedTuple):
    n_documents: int
    n_bytes: int


class Target:
    """Takes documents as they come; to be used in a `with` block.

    A file is written as NAME.part and renamed when the block ends well. If it ends with an error,
    the complete documents stay in NAME.part and the error gets a note that says so; a part without
    documents is removed. Devices and pipes are written directly. Raises `OutputError` when nothing
    can be written there, and `BrokenPipeError` when the reader of standard output has gone.
    """

    def __init__(self, path: Path | None, *, force: bool = False) -> None:
        self.path = path
        self.force = force
        self.part: Path | None = None
        self._stream: IO[bytes] | None = None
        self._written = _Written(0, 0)  # replaced whole: an interrupt never sees half of it
        self._expected = self._written  # once the text that is being written is out

    @property
    def n_documents(self) -> int:
        """Documents written completely."""
        return self._written.n_documents

    @property
    def label(self) -> str:
        """What messages call it."""
        return "standard output" if self.path is None else str(self.path)

    def __enter__(self) -> Target:
        if self.path is None:
            self._stream = sys.stdout.buffer
            return self
        try:
            # Unbuffered: what is counted as written has left the process.
            if self._is_special():
                self._stream = open(self.path, "wb", buffering=0)
            else:
                refuse_existing(self.path, force=self.force)
                self.part = self.path.with_name(self.path.name + ".part")
                self._stream = open(self.part, "wb" if self.force else "xb", buffering=0)
        except FileExistsError as error:
            part, self.part = self.part, None
            raise OutputError(
                f"{part} exists, it holds the documents of an unfinished run; "
                "move it away, or use --force to discard it"
            ) from error
        except (OSError, ValueError) as error:
            self.part = None
            raise cannot_write(self.label, error) from error
        return self

    def _is_special(self) -> bool:
        """Whether it is a device or a pipe, where nothing can be renamed."""
        path = self.path
        if path is None or not path.exists():
            return False
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))

    def write(self, text: str | Iterable[str], n_documents: int = 1) -> None:
        """Write text, or pieces of one, that completes so many documents."""
        done, n_bytes = self._written, self._written.n_bytes
        for data, last in _blocks([text] if isinstance(text, str) else text):
            n_bytes += len(data)
            if last:
                self._expected = _Written(done.n_documents + n_documents, n_bytes)
            self._put(data)
        self._written = self._expected

    def _put(self, data: bytes) -> None:
        if self._stream is None:
            raise ValueError("A Target is written to inside its with block.")
        view = memoryview(data)
        try:
            while view:
                view = view[self._stream.write(view) :]
            if self.path is None:
                self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise cannot_write(self.label, error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        else:
            self._abandon(error)

    def _finish(self) -> None:
        if self._stream is None or self.path is None:
            return
        try:
            if self.part is not None:
                os.fsync(self._stream.fileno())  # some file systems report a full disk only now
            self._stream.close()
            if self.part is not None:
                refuse_existing(self.path, force=self.force)  # it may have appeared during the run
                move(self.part, self.path)
        except (OSError, OutputError) as error:
            failure = error if isinstance(error, OutputError) else cannot_write(self.label, error)
            self._abandon(failure)
            raise failure from error

    def _abandon(self, error: BaseException) -> None:
        """Keep the complete documents, cut off what follows, and say so in a note."""
        if self._stream is None or self.path is None:
            return
        if self.part is None:
            with contextlib.suppress(OSError):
                self._stream.close()
            return
        with contextlib.suppress(OSError):
            if not self._stream.closed:
                # An interrupt may have come between the last byte and its being counted.
                if os.fstat(self._stream.fileno()).st_size >= self._expected.n_bytes:
                    self._written = self._expected
                os.ftruncate(self._stream.fileno(), self._written.n_bytes)
                self._stream.close()
        if self.n_documents:
            error.add_note(f"{self.n_documents} complete documents are in {self.part}")
        else:
            with contextlib.suppress(OSError):
                self.part.unlink()


def _blocks(pieces: Iterable[str]) -> Iterator[tuple[bytes, bool]]:
    """Pieces as bytes, many small ones together, and which block is the last; there is always one."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        if size >= _BLOCK:
            yield "".join(held).encode("utf-8"), False
            held, size = [], 0
        held.append(piece)
        size += len(piece)
    yield "".join(held).encode("utf-8"), True
