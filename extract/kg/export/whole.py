"""Graphs whose every text can be encoded."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

_HALF = re.compile("[\ud800-\udfff]")


def whole_characters(of: T) -> T:
    """The same with U+FFFD for each half of a surrogate pair, which is no character and fits in no file.

    Two halves that follow each other as a pair are the character that they make.
    Goes through dataclasses, tuples and dicts; what holds none is returned as it is.
    """
    changed: Any = _changed(of)
    return of if changed is None else changed


def _changed(of: Any) -> Any:
    """The changed copy, or None where nothing changes."""
    if isinstance(of, str):
        return None if of.isascii() or not _HALF.search(of) else _whole(of)
    if isinstance(of, tuple):
        items = [_changed(item) for item in of]
        if all(item is None for item in items):
            return None
        return tuple(old if new is None else new for old, new in zip(of, items, strict=True))
    if isinstance(of, dict):
        values = {key: _changed(value) for key, value in of.items()}
        if all(value is None for value in values.values()):
            return None
        return {key: of[key] if new is None else new for key, new in values.items()}
    if is_dataclass(of) and not isinstance(of, type):
        parts = {field.name: _changed(getattr(of, field.name)) for field in fields(of)}
        parts = {name: part for name, part in parts.items() if part is not None}
        return replace(of, **parts) if parts else None
    return None


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
