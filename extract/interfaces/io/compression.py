"""Compressed inputs: NAME.jsonl.gz, NAME.txt.zst and the like are read as what they hold."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import PurePath
from typing import Any, BinaryIO

from extract.errors import InputError

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)  # what reading a damaged file raises
_CHUNK = 4096  # compressed bytes taken at once: what they expand to is held in memory


def split_suffixes(path: PurePath) -> tuple[str, str | None]:
    """The suffix that says what a file holds, and its compression: (".jsonl", "gzip") of a.jsonl.gz."""
    compression = COMPRESSIONS.get(path.suffix.lower())
    if compression is None:
        return path.suffix.lower(), None
    return PurePath(path.stem).suffix.lower(), compression


def decompressed(
    stream: BinaryIO, compression: str, label: str, buffer_bytes: int
) -> io.BufferedReader[Any]:
    """The bytes that a compressed stream holds. Reading raises one of `DAMAGE` if it is damaged.

    Raises `InputError` if the package that reads the compression is not installed.
    """
    raw = _Gzip(stream) if compression == "gzip" else _Zstd(stream, label)
    return io.BufferedReader(raw, buffer_bytes)


class _Gzip(io.RawIOBase):
    """Gzip members, one after another.

    The library's own stream fills a buffer whole, and loses all of that where the file is cut off on the way.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=stream)

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one step goes; 0 at the end. Raises one of `DAMAGE`."""
        found = self._file.read1(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _Zstd(io.RawIOBase):
    """Zstandard frames, one after another.

    The package's own stream takes a file that was cut off for a shorter one; this one does not.
    """

    def __init__(self, stream: BinaryIO, label: str) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise InputError(
                f"{label} is compressed with Zstandard, which needs the package zstandard: "
                "pip install 'tripack[zstd]', or decompress it first."
            ) from error
        self._stream = stream
        self._damage = zstandard.ZstdError
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one step goes; 0 at the end. Raises `EOFError` for a damaged file."""
        while not self._ready:
            packed = self._left_over() or self._stream.read(_CHUNK)
            if not packed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError(
                        "Compressed file ended before its end-of-stream marker was reached"
                    )
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new_frame()
            try:
                self._ready = memoryview(self._frame.decompress(packed))
            except self._damage as error:
                raise EOFError(f"Not a sound Zstandard file ({error})") from error
        n_bytes = min(len(buffer), len(self._ready))
        buffer[:n_bytes] = self._ready[:n_bytes]
        self._ready = self._ready[n_bytes:]
        return n_bytes

    def _left_over(self) -> bytes:
        """What followed the end of the last frame in the bytes that were read."""
        if self._frame is None or not self._frame.eof:
            return b""
        left: bytes = self._frame.unused_data
        if left:
            self._frame = None
        return left
