"""JSON that others wrote, read with one kind of refusal: `ValueError`, whose text says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HALF = "a text holds half of a surrogate pair (\\ud800 to \\udfff)"  # which no file can hold


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises `json.JSONDecodeError` if it is not JSON, and another `ValueError` if it cannot be used: numbers of
    thousands of digits, brackets nested too deeply, half a surrogate pair.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    refuse_surrogates(value, text)
    return value


def refuse_surrogates(value: Any, text: str) -> None:
    """Raise `ValueError` if a text in `value` is no text, by escapes in the JSON `text` that it is from."""
    if "\\ud" not in text.lower():
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        raise ValueError(_HALF) from error


def read_json(path: Path) -> Any:
    """The value of a JSON file in UTF-8. Raises `OSError`, and `ValueError` as `parse_json` does."""
    return parse_json(path.read_text(encoding="utf-8-sig"))
