"""Reading corpus files: lines, JSON, typed fields; every refusal names file, line and reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from extract import json_files
from extract.errors import CorpusError

T = TypeVar("T")

_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a value stands, to name it when the value is refused."""

    path: Path | str
    line: int
    item: str = ""

    def at(self, item: str) -> Place:
        """The same line, with the item in it named."""
        return replace(self, item=f"{self.item}, {item}" if self.item else item)

    def error(self, reason: str) -> CorpusError:
        """An error to raise: FILE, line N, ITEM: reason."""
        item = f", {self.item}" if self.item else ""
        return CorpusError(f"{self.path}, line {self.line}{item}: {reason}")

    def check(self, value: Any, kind: type[T], what: str) -> T:
        """The value, if it is of the kind. Raises `CorpusError` if not."""
        # bool is a subclass of int in Python, but `true` is no offset.
        if isinstance(value, bool) or not isinstance(value, kind):
            got = "null" if value is None else f"{type(value).__name__} {_short(value)}"
            raise self.error(f"expected {what} to be {_KINDS[kind]}, got {got}.")
        return value

    def field(self, record: Any, key: str, kind: type[T]) -> T:
        """The value under `key` of an object, checked. Raises `CorpusError`."""
        if key not in self.check(record, dict, "the record"):
            raise self.error(f"expected a field {key!r}, got {_short(sorted(record))}.")
        return self.check(record[key], kind, repr(key))

    def texts(self, value: Any, what: str) -> list[str]:
        """The value as a list of texts. Raises `CorpusError`."""
        return [self.check(v, str, f"each item of {what}") for v in self.check(value, list, what)]

    def row(self, value: Any, kinds: tuple[type, ...], what: str) -> list[Any]:
        """A list that begins with values of these kinds; more may follow. Raises `CorpusError`."""
        row = self.check(value, list, what)
        if len(row) < len(kinds):
            raise self.error(
                f"expected {what} to have {len(kinds)} values, got {len(row)}: {_short(row)}."
            )
        for item, kind in zip(row, kinds, strict=False):
            self.check(item, kind, f"each value of {what} {_short(row)}")
        return row

    def records(self, row: Any, key: str) -> list[dict[str, Any]]:
        """A list of objects, or an object of equally long lists, as `datasets` may give it."""
        value = self.check(row, dict, "the record").get(key)
        if isinstance(value, dict):
            columns = {k: self.check(v, list, f"{k!r} of {key!r}") for k, v in value.items()}
            if len({len(column) for column in columns.values()}) > 1:
                raise self.error(f"expected the lists of {key!r} to have equal lengths.")
            return [dict(zip(columns, r, strict=True)) for r in zip(*columns.values(), strict=True)]
        items = self.check(value, list, repr(key))
        return [self.check(item, dict, f"each item of {key!r}") for item in items]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises `CorpusError` if it cannot be read, is empty, or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not data.strip():
        raise CorpusError(f"{path}, line 1: the file is empty. Expected at least one record.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{path}, line {line}: expected UTF-8, got byte 0x{data[error.start]:02x} "
            f"at offset {error.start}. Convert the file to UTF-8."
        ) from error


def read_lines(path: Path) -> Iterator[tuple[Place, str]]:
    r"""Each line and its place. Only \n and \r\n end a line: texts may hold U+2028 and the like."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        yield Place(path, number), line.removesuffix("\r")


def parse_json(text: str, place: Place) -> Any:
    """The value of a JSON text. Raises `CorpusError` at `place` if it is not JSON."""
    try:
        return json_files.parse_json(text)
    except json.JSONDecodeError as error:
        at = replace(place, line=place.line + error.lineno - 1)
        raise at.error(f"not JSON: {error.msg} at column {error.colno}.") from error
    except ValueError as error:
        raise place.error(f"not JSON that can be read: {error}.") from error


def read_json_lines(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each object of a JSON Lines file; blank lines are passed over."""
    for place, line in read_lines(path):
        if line.strip():
            yield place, place.check(parse_json(line, place), dict, "the line")


def read_json(path: Path) -> tuple[Place, Any]:
    """The one value of a JSON file, and its place."""
    place = Place(path, 1)
    return place, parse_json(read_text(path), place)


def read_json_array(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each object of a file that is one JSON array, with the line where the object begins."""
    text = read_text(path)
    decoder, position, number = json.JSONDecoder(), _skip_space(text, 0), 0
    if text[position : position + 1] != "[":
        raise Place(path, 1).error("expected a JSON array, which begins with '['.")
    line, counted = 1, 0
    while True:
        position = _skip_space(text, position + 1)  # past '[' or ','
        line, counted = line + text.count("\n", counted, position), position
        place = Place(path, line, f"item {number + 1}")
        if number == 0 and text[position : position + 1] == "]":
            raise place.error("the array is empty. Expected at least one record.")
        value, end = _decode_at(decoder, text, position, place)
        position = _skip_space(text, end)
        if text[position : position + 1] not in ("]", ","):
            raise place.error("not JSON: expected ',' or ']' after the item.")
        yield place, place.check(value, dict, "the item")
        number += 1
        if text[position] == "]":
            break
    if _skip_space(text, position + 1) != len(text):
        raise place.error("not JSON: expected nothing after the closing ']'.")


def _decode_at(
    decoder: json.JSONDecoder, text: str, position: int, place: Place
) -> tuple[Any, int]:
    try:
        value, end = decoder.raw_decode(text, position)
        json_files.refuse_surrogates(value, text[position:end])
        return value, end
    except json.JSONDecodeError as error:
        at = replace(place, line=error.lineno)
        raise at.error(f"not JSON: {error.msg} at column {error.colno}.") from error
    except (ValueError, RecursionError) as error:
        raise place.error(f"not JSON that can be read: {error}.") from error


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\n\r":
        position += 1
    return position
