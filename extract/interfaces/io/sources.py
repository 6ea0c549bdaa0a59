"""Where texts come from: the command line's argument, a file, a folder, standard input."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from extract.errors import InputError
from extract.interfaces.io.compression import DAMAGE, decompressed, split_suffixes
from extract.interfaces.io.decoding import HEAD_BYTES, decode, refuse_binary
from extract.interfaces.io.readers import READERS, SUFFIXES, Item, OpenInput, Reader
from extract.interfaces.io.settings import ReadSettings, Tally

_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read (None: standard input) and the name that its documents' ids start with."""

    path: Path | None
    name: str

    @property
    def label(self) -> str:
        """What error messages call it."""
        return "Standard input" if self.path is None else str(self.path)

    @property
    def suffix(self) -> str:
        """What its name says that it holds, ".jsonl" of a.jsonl.gz."""
        return split_suffixes(self.path)[0] if self.path is not None else ""

    @property
    def compression(self) -> str | None:
        """How its name says that it is compressed."""
        return split_suffixes(self.path)[1] if self.path is not None else None


@dataclass(slots=True)
class Source:
    """The texts of one run. Iterate once; `tally` and `n_skipped_files` then say what was read.

    folder: the folder that was named, if it was one.
    n_skipped_files: files of a folder whose suffix no reader takes.
    total_bytes: size of everything to read, None where it cannot be known.
    readers: by format, for callers that read more than texts from records.
    """

    files: list[InputFile]
    settings: ReadSettings = field(default_factory=ReadSettings)
    n_skipped_files: int = 0
    total_bytes: int | None = None
    folder: Path | None = None
    tally: Tally = field(default_factory=Tally)
    readers: Mapping[str, Reader] = field(default_factory=lambda: READERS)

    @classmethod
    def open(cls, where: str, settings: ReadSettings) -> Source:
        """The source named on the command line: a file, a folder, or "-" for standard input.

        Raises `InputError` if there is nothing to read there.
        """
        if where == "-":
            return cls([InputFile(None, "stdin")], settings)
        path = Path(where)
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"Cannot read {where}: {reason}. Check the path.") from error
        if not stat.S_ISDIR(mode):
            total = path.stat().st_size if stat.S_ISREG(mode) else None
            files, n_skipped = [InputFile(path, utf8_name(path.name))], 0
        else:
            files, n_skipped = _list_folder(path)
            total = sum(f.path.stat().st_size for f in files if f.path is not None)
        if any(file.compression for file in files):
            total = None  # progress counts what is read, which is more
        return cls(files, settings, n_skipped, total, path if stat.S_ISDIR(mode) else None)

    def __iter__(self) -> Iterator[Item]:
        for file in self.files:
            try:
                yield from self._read(file)
            except _CannotStart as error:
                self.tally.bad(error, self.settings)

    def _read(self, file: InputFile) -> Iterator[Item]:
        kind = self.settings.input_format or SUFFIXES.get(file.suffix)
        with _opened(file) as stream:
            try:
                head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
                if kind != "parquet":
                    known = kind is not None
                    refuse_binary(head, file.label, self.settings, known_suffix=known)
            except (OSError, InputError, *DAMAGE) as error:
                raise _CannotStart(_reason(error, file)) from error
            size = file.path.stat().st_size if file.path is not None else 0
            try:
                readable: BinaryIO = stream
                if kind == "parquet" and (file.compression or not stream.seekable()):
                    readable = io.BytesIO(stream.read())  # the format is read from its end
                opened = OpenInput(readable, file.name, file.label, size)
                for item in self.readers[kind or "text"](opened, self.settings, self.tally):
                    self.tally.n_documents += 1
                    yield item
            except (InputError, *DAMAGE) as error:
                # The rest of this file is lost, not the files after it.
                bad = error if isinstance(error, InputError) else InputError(_reason(error, file))
                self.tally.bad(bad, self.settings)
            except OSError as error:
                raise InputError(_reason(error, file)) from error


class _CannotStart(InputError):
    """A file that cannot be opened or is of a wrong kind: nothing of it has been read yet."""


def text_argument(text: str, settings: ReadSettings) -> str:
    """The text typed as an argument. Raises `InputError` for bytes that are no characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return decode(os.fsencode(text), "The text argument", settings)
    return text


def utf8_name(name: str) -> str:
    """A file name that can be written as UTF-8; bytes that are no characters become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextmanager
def _opened(file: InputFile) -> Iterator[io.BufferedReader[Any]]:
    if file.path is None:
        if sys.stdin is None:
            raise InputError("Standard input is closed, expected text there. Use --input FILE.")
        yield cast("io.BufferedReader[Any]", sys.stdin.buffer)
        return
    try:
        stream = io.BufferedReader(io.FileIO(file.path), _BUFFER_BYTES)
    except OSError as error:
        raise _CannotStart(_reason(error, file)) from error
    with stream:
        if file.compression is None:
            yield stream
        else:
            yield decompressed(stream, file.compression, file.label, _BUFFER_BYTES)


def _reason(error: Exception, file: InputFile) -> str:
    if isinstance(error, DAMAGE):
        return (
            f"{file.label} is damaged or cut off ({error}), expected a whole {file.compression} file. "
            "Compress it again, or use --skip-bad to leave out what cannot be read."
        )
    if isinstance(error, OSError):
        return f"Cannot read {file.label}: {error.strerror or error}. Check the file."
    return str(error)


def _list_folder(folder: Path) -> tuple[list[InputFile], int]:
    """The readable files below a folder, sorted by path, and how many others there are."""
    files: list[InputFile] = []
    n_skipped = 0

    def unreadable(error: OSError) -> None:
        raise InputError(
            f"Cannot read folder {error.filename}: {error.strerror}. Check its permissions."
        ) from error

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in names:
            path = Path(parent, name)
            # Pipes and devices would block the run; links to files are followed.
            if split_suffixes(path)[0] in SUFFIXES and path.is_file():
                files.append(InputFile(path, utf8_name(path.relative_to(folder).as_posix())))
            else:
                n_skipped += 1
    if not files:
        known = ", ".join(SUFFIXES)
        raise InputError(
            f"Folder {folder} holds no {known} file ({n_skipped} others). Expected at least one."
        )
    files.sort(key=lambda file: file.name)
    return files, n_skipped
