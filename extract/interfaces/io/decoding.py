"""From bytes to text: binary files refused, invalid bytes located, lines streamed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from extract.errors import InputError
from extract.interfaces.io.settings import ReadSettings, Tally

HEAD_BYTES = 8192  # how much of a file decides whether it is binary

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"\x7fELF": "an ELF program",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"SQLite format 3\x00": "a SQLite database",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document",
}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


def refuse_binary(head: bytes, label: str, settings: ReadSettings, *, known_suffix: bool) -> None:
    """Raise `InputError` if the first bytes of an input are those of a binary file.

    NUL bytes alone condemn only a file whose suffix says nothing: in a .txt file they are control
    characters, which separate words.
    """
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise InputError(f"{label} is {kind}, expected text. Convert it to text first.")
    nul = head.find(b"\0")
    if nul >= 0 and not known_suffix and ascii_compatible(settings.encoding):
        raise InputError(
            f"{label} looks binary (a NUL at byte {nul}), expected text. Convert it to text, "
            "name its --encoding if it is UTF-16 or UTF-32, or rename it to .txt to read it as is."
        )


def ascii_compatible(encoding: str) -> bool:
    """Whether a line feed is one byte of its own, so that lines can be cut before decoding."""
    return is_utf8(encoding) or "\n".encode(encoding) == b"\n"


def is_utf8(encoding: str) -> bool:
    """Whether the name is one of UTF-8's."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig", "u8")


def decode(data: bytes, label: str, settings: ReadSettings, start_byte: int = 0) -> str:
    """The text of `data`, without a UTF-8 byte order mark.

    `start_byte` is where `data` stands in its file. Raises `InputError` with the offset of the
    first invalid byte in that file.
    """
    encoding = settings.encoding
    skip = len(_UTF8_MARK) * (start_byte == 0 and is_utf8(encoding) and data.startswith(_UTF8_MARK))
    try:
        # "utf-8" and not "utf-8-sig" below: the mark is cut here so that offsets stay in the file.
        name = "utf-8" if is_utf8(encoding) else encoding
        return data[skip:].decode(name, settings.errors)
    except UnicodeDecodeError as error:
        raise invalid_bytes(data, label, settings, start_byte + skip + error.start) from error
    except UnicodeError as error:  # of encodings that tell no place, such as idna
        raise InputError(
            f"{label} is not valid {encoding.upper()} ({error}). Name another --encoding."
        ) from error


def invalid_bytes(data: bytes, label: str, settings: ReadSettings, offset: int) -> InputError:
    """The error for an invalid byte at `offset` of a file."""
    if is_utf8(settings.encoding) and data.startswith(_UTF16_MARKS):
        advice = "It starts like UTF-16: try --encoding utf-16"
    else:
        advice = "Name its encoding (--encoding latin-1, ...)"
    return InputError(
        f"{label} is not valid {settings.encoding.upper()} at byte {offset}. "
        f"{advice}, or replace invalid bytes with --errors replace."
    )


def decoded_lines(
    stream: BinaryIO,
    label: str,
    settings: ReadSettings,
    tally: Tally,
    invalid: list[InputError] | None = None,
) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line with its end) one at a time.

    Only a line feed ends a line. A line of invalid bytes is a bad record, handled by `tally`; for records
    that may span lines `invalid` takes the error in its stead, and the line comes with U+FFFD.
    """
    if not ascii_compatible(settings.encoding):
        yield from _wide_lines(stream, label, settings, tally)
        return
    start_byte = 0
    for number, line in enumerate(stream, 1):
        try:
            text = decode(line, label, settings, start_byte)
        except InputError as error:
            if invalid is None:
                tally.bad(error, settings)
            else:
                invalid.append(error)
                yield number, line.decode(settings.encoding, "replace")
        else:
            yield number, text
        start_byte += len(line)
        tally.n_bytes += len(line)


def _wide_lines(
    stream: BinaryIO, label: str, settings: ReadSettings, tally: Tally
) -> Iterator[tuple[int, str]]:
    """Lines in an encoding of two or four bytes a character; invalid bytes end the input."""
    wrapper = io.TextIOWrapper(stream, settings.encoding, settings.errors, newline="\n")
    n_lines = 0
    try:
        for line in wrapper:
            n_lines += 1
            yield n_lines, line
            tally.n_bytes += len(line.encode(settings.encoding, "replace"))
    except UnicodeError as error:
        raise InputError(
            f"{label}, line {n_lines + 1} or soon after: not valid {settings.encoding.upper()} "
            f"({getattr(error, 'reason', error)}). Name another --encoding, or use --errors replace."
        ) from error


def strip_line_end(line: str) -> str:
    """The line without its end: one line feed, and one carriage return before it."""
    return line.removesuffix("\n").removesuffix("\r")


def whole_characters(text: str, label: str, settings: ReadSettings) -> str:
    """The text, free of lone surrogates, which no encoding can write.

    They come from JSON escapes such as "\\ud83d" without a partner. Raises `InputError`, or
    replaces them by U+FFFD where the settings say "replace".
    """
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        if settings.errors == "replace":
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        raise InputError(
            f"{label}: character {error.start} is half of a surrogate pair "
            f"(\\u{ord(text[error.start]):04x}), expected whole characters. "
            "Repair it, or use --errors replace."
        ) from error
    return text
