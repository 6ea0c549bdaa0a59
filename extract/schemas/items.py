"""Entity types, relations and qualifiers from the plain values of a JSON schema, checked."""

from __future__ import annotations

from typing import Any

from extract.errors import SchemaError

_LISTS = {"domain", "range", "relations", "parents", "disjoint", "aliases"}
_FLAGS = {"symmetric", "functional"}


def read_items(kind: type[Any], data: dict[str, Any], key: str) -> tuple[Any, ...]:
    """The items of `data[key]` as objects of the dataclass `kind`; a bare text is a name.

    Raises `SchemaError` naming the item and what was expected.
    """
    items = data.get(key, [])
    if not isinstance(items, list):
        raise SchemaError(f"Expected {key!r} to be a list, got {type(items).__name__}.")
    fields = kind.__dataclass_fields__
    read = []
    for number, item in enumerate(items):
        item = {"name": item} if isinstance(item, str) else item
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise SchemaError(
                f"Expected item {number} of {key!r} to be an object with a 'name', got {item!r}."
            )
        unknown = set(item) - set(fields)
        if unknown:
            raise SchemaError(
                f"Item {item['name']!r} of {key!r} has unknown keys {sorted(unknown)}. "
                f"Expected some of: {', '.join(fields)}."
            )
        for name, value in item.items():
            _check_value(item["name"], name, value)
        read.append(kind(**{k: _frozen(v) for k, v in item.items()}))
    return tuple(read)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def _check_value(owner: str, key: str, value: Any) -> None:
    if key in _LISTS:
        good, expected = (
            isinstance(value, list) and all(isinstance(v, str) for v in value),
            "a list of names",
        )
    elif key in _FLAGS:
        good, expected = isinstance(value, bool), "true or false"
    elif key == "count":
        good, expected = _is_count(value), "a whole number of at least 0"
    elif key == "pairs":
        good, expected = (
            isinstance(value, list) and all(_is_pair(v) for v in value),
            "a list of [subject type, object type, count]",
        )
    else:
        good, expected = value is None or isinstance(value, str), "a text"
    if not good:
        raise SchemaError(f"Expected {key!r} of {owner!r} to be {expected}, got {value!r}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(v, str) for v in value[:2])
        and _is_count(value[2])
    )
