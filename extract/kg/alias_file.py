"""A user's names of entities."""

from __future__ import annotations

from pathlib import Path

from extract.errors import InputError
from extract.json_files import read_json


def read_aliases(path: Path) -> tuple[tuple[str, ...], ...]:
    """Groups of names from a JSON file: an object of names with the list of each one's other names.

    `{"Muhammad Ali": ["Cassius Clay"], "Aristotle": []}`. A name alone joins its mentions in all documents,
    also where it could be a surname. Raises `InputError` if the file cannot be read or has another form.
    """
    try:
        found = read_json(path)
    except OSError as error:
        raise InputError(f"Cannot read the aliases {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(
            f"Cannot read the aliases {path}: expected JSON in UTF-8, but {error}."
        ) from error
    expected = 'expected an object like {"Muhammad Ali": ["Cassius Clay"]}'
    if not isinstance(found, dict):
        raise InputError(f"Aliases {path}: {expected}, got {repr(found)[:60]}.")
    for name, others in found.items():
        if (
            not name
            or not isinstance(others, list)
            or not all(isinstance(o, str) and o for o in others)
        ):
            raise InputError(
                f"Aliases {path}: {expected}, got {repr(others)[:60]} for {name[:60]!r}."
            )
    return tuple((name, *others) for name, others in sorted(found.items()))
