"""One reader a format. Each yields (document id, text) and streams whatever the file's size.

A reader takes the open input, the name its ids start with, the label its errors start with, the
settings and the tally. To add a format, write its reader and add it to `READERS` and `SUFFIXES`.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from extract.errors import InputError
from extract.interfaces.io.decoding import (
    decode,
    decoded_lines,
    strip_line_end,
    whole_characters,
)
from extract.interfaces.io.settings import ReadSettings, Tally

Item = tuple[str, str]  # document id, text
_PARQUET_ROWS = 1024  # rows held in memory at a time
_PARQUET_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class OpenInput:
    """An input being read: its bytes, what its ids and its error messages call it, its size."""

    stream: BinaryIO
    name: str
    label: str
    n_bytes: int = 0


Reader = Callable[[OpenInput, ReadSettings, Tally], Iterator[Item]]


def read_text(source: OpenInput, settings: ReadSettings, tally: Tally) -> Iterator[Item]:
    """The whole input as one document, or one document a line."""
    if settings.lines:
        for number, line in decoded_lines(source.stream, source.label, settings, tally):
            yield f"{source.name}:{number}", strip_line_end(line)
        return
    data = source.stream.read()
    tally.n_bytes += len(data)
    try:
        text = decode(data, source.label, settings)
    except InputError as error:
        tally.bad(error, settings)
    else:
        yield source.name, text


def read_jsonl(source: OpenInput, settings: ReadSettings, tally: Tally) -> Iterator[Item]:
    """One JSON object a line; blank lines are no records."""

    def read(record: dict[str, Any], id: str, where: str) -> Item:
        return item_of(record, id, where, settings)

    yield from read_objects(source, settings, tally, read)


def read_objects(
    source: OpenInput,
    settings: ReadSettings,
    tally: Tally,
    read: Callable[[dict[str, Any], str, str], Item],
) -> Iterator[Item]:
    """What `read` makes of each line's object, the id it has by its place, and the words for that place.

    An `InputError` of it is of that line, which is then left out or ends all, as the settings say.
    """
    for number, line in decoded_lines(source.stream, source.label, settings, tally):
        if line.isspace():
            continue
        where = f"{source.label}, line {number}"
        try:
            item = read(parse_json(line, where), f"{source.name}:{number}", where)
        except InputError as error:
            tally.bad(error, settings)
        else:
            yield item


def parse_json(line: str, where: str) -> dict[str, Any]:
    """The JSON object of a line. Raises `InputError` if it is none."""
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise InputError(f"{where}: nested too deeply, expected a flat JSON object.") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: not JSON at column {error.colno} ({error.msg}). "
            "Correct the line, or use --skip-bad."
        ) from error
    except ValueError as error:  # a number of more digits than Python converts
        raise InputError(f"{where}: not usable JSON ({error}). Correct the line.") from error
    if not isinstance(record, dict):
        raise InputError(
            f"{where}: expected a JSON object, got {_kind(record)}. "
            "Correct the line, or use --skip-bad."
        )
    return record


def read_csv(source: OpenInput, settings: ReadSettings, tally: Tally) -> Iterator[Item]:
    """Comma-separated values with a header row; a quoted field may span lines."""
    rows = _CsvRows(source, settings, tally)
    first = rows.next(ReadSettings())  # a bad header is never skipped
    if first is None:
        return
    _, header = first
    _check_columns(header, source.label, settings)
    while (following := rows.next(settings)) is not None:
        number, row = following
        if not row:
            continue
        where = f"{source.label}, line {number}"
        try:
            if len(row) != len(header):
                raise InputError(
                    f"{where}: expected {len(header)} fields as in the header, got {len(row)}. "
                    "Quote fields that hold commas, or use --skip-bad."
                )
            record = dict(zip(header, row, strict=True))
            yield item_of(record, f"{source.name}:{number}", where, settings)
        except InputError as error:
            tally.bad(error, settings)


class _CsvRows:
    """The rows of a CSV input, each with the number of the line on which it starts."""

    def __init__(self, source: OpenInput, settings: ReadSettings, tally: Tally) -> None:
        csv.field_size_limit(sys.maxsize)  # the default refuses texts over 128 KiB
        self._source, self._tally = source, tally
        self._invalid: list[InputError] = []  # of the lines of the row that is being read
        self._first = self._last = 0  # the lines on which that row starts and ends
        self._rows = csv.reader(self._lines(settings), strict=True)

    def _lines(self, settings: ReadSettings) -> Iterator[str]:
        source = self._source
        for number, line in decoded_lines(
            source.stream, source.label, settings, self._tally, self._invalid
        ):
            self._first = self._first or number
            self._last = number
            yield line

    def next(self, settings: ReadSettings) -> tuple[int, list[str]] | None:
        """The next row that can be used, with its number; None at the end."""
        while True:
            self._first = 0
            self._invalid.clear()
            try:
                row = next(self._rows, None)
            except csv.Error as error:
                bad = InputError(
                    f"{self._source.label}, line {self._last}: not CSV ({error}). "
                    "Correct the quotes, or use --skip-bad."
                )
                self._tally.bad(bad, settings)
                continue
            if row is None:
                return None
            if not self._invalid:
                return self._first, row
            self._tally.bad(self._invalid[0], settings)


def _check_columns(names: list[str], label: str, settings: ReadSettings) -> None:
    """Raise `InputError` unless there is one column of texts, and at most one of ids."""
    if settings.text_field not in names:
        raise InputError(
            f"{label}: no column {settings.text_field!r}. "
            f"Expected one of its columns as --text-field: {', '.join(names)}."
        )
    for name in (settings.text_field, settings.id_field):
        if names.count(name) > 1:
            raise InputError(
                f"{label}: expected one column {name!r}, got {names.count(name)}. Rename the others."
            )


def read_parquet(source: OpenInput, settings: ReadSettings, tally: Tally) -> Iterator[Item]:
    """The text and id columns of a Parquet file, a batch of rows at a time."""
    import pyarrow
    import pyarrow.parquet as pq

    damage = (pyarrow.ArrowException, OSError, ValueError, OverflowError)
    n_bytes = source.stream.seek(0, io.SEEK_END)
    source.stream.seek(0)
    # Buffered reads: without them a whole column chunk is held in memory. With them, a damaged page is given
    # the memory that it says it needs, so that a small file is read without.
    buffered = _PARQUET_BUFFER if n_bytes > _PARQUET_BUFFER else 0
    try:
        file = pq.ParquetFile(source.stream, buffer_size=buffered, pre_buffer=False)
    except damage as error:
        raise InputError(f"{source.label} is not a Parquet file: {error}") from error
    names = file.schema_arrow.names
    _check_columns(names, source.label, settings)
    columns = [name for name in (settings.text_field, settings.id_field) if name in names]
    number, n_rows = 0, max(file.metadata.num_rows, 1)
    try:
        for batch in file.iter_batches(_PARQUET_ROWS, columns=columns):
            for record in batch.to_pylist():
                number += 1
                try:
                    where = f"{source.label}, row {number}"
                    yield item_of(record, f"{source.name}:{number}", where, settings)
                except InputError as error:
                    tally.bad(error, settings)
            tally.n_bytes += source.n_bytes * batch.num_rows // n_rows
    except damage as error:
        raise InputError(
            f"{source.label}: cannot be read after row {number}: {error}. Write the file again."
        ) from error


def item_of(record: dict[str, Any], default_id: str, where: str, settings: ReadSettings) -> Item:
    """The id and text of a record. Raises `InputError` if they are missing or of another type."""
    if settings.text_field not in record:
        raise InputError(
            f"{where}: no field {settings.text_field!r}, the record has "
            f"{', '.join(map(repr, record)) or 'none'}. Name the text's field with --text-field."
        )
    text = record[settings.text_field]
    if not isinstance(text, str):
        raise InputError(
            f"{where}: expected a text in {settings.text_field!r}, got {_kind(text)}. "
            "Correct the record, or use --skip-bad."
        )
    identifier = record.get(settings.id_field)
    if identifier is None or identifier == "":
        identifier = default_id
    elif isinstance(identifier, bool) or not isinstance(identifier, str | int):
        raise InputError(
            f"{where}: expected a text or whole number in {settings.id_field!r}, "
            f"got {_kind(identifier)}. Correct the record, or name another --id-field."
        )
    return (
        whole_characters(str(identifier), where, settings),
        whole_characters(text, where, settings),
    )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number" if isinstance(value, int | float) else "another type")


READERS: dict[str, Reader] = {
    "text": read_text,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "parquet": read_parquet,
}
SUFFIXES = {".txt": "text", ".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}
