"""Which mentions are literals, and which: typed dates and numbers in XSD's notation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from extract.kg.dates import read_date
from extract.kg.numbers import read_number
from extract.kg.structures import Mention, Value
from extract.kg.surface import compatible


@dataclass(frozen=True)
class LiteralTypes:
    """The entity types whose mentions are literals, by name in any case, and those that say nothing."""

    dates: tuple[str, ...] = ("TIME", "DATE")
    numbers: tuple[str, ...] = ("NUM", "NUMBER", "CARDINAL", "QUANTITY", "PERCENT", "MONEY")
    untyped: tuple[str, ...] = ("", "ENT", "ENTITY")

    def kind(self, type: str | None) -> str:
        """What a type is of: "dates", "numbers", "untyped" or "entities"."""
        return self._kinds.get("" if type is None else type.casefold(), "entities")

    @cached_property
    def _kinds(self) -> dict[str, str]:
        kinds = ("dates", "numbers", "untyped")
        return {name.casefold(): kind for kind in kinds for name in getattr(self, kind)}


LITERAL_TYPES = LiteralTypes()


def literal_of(mention: Mention, types: LiteralTypes = LITERAL_TYPES) -> Value | None:
    """The value a mention stands for; None if it stands for an entity.

    A mention of a literal's type that cannot be read whole ("the 1960s", "12 km") is a string. An untyped
    mention is a literal only if all of it is a date or a number in digits: four digits from 1000 to 2099
    are a year, and "Seven" may be a film.
    """
    kind = types.kind(mention.type)
    read = _READERS.get(kind)
    if read is None:
        return None
    found = read(mention.text)
    if found is None:
        return _string(mention.text) if kind != "untyped" else None
    return Value(*found, text=mention.text)


def _read_untyped(text: str) -> tuple[str, str] | None:
    number = read_number(text, words=False)
    if number is not None:
        return read_date(text) if re.fullmatch(r"\s*(1[0-9]|20)[0-9]{2}\s*", text) else number
    return read_date(text)


_READERS: dict[str, Callable[[str], tuple[str, str] | None]] = {
    "dates": read_date,
    "numbers": read_number,
    "untyped": _read_untyped,
}


def _string(text: str) -> Value:
    return Value(" ".join(compatible(text).split()), "string", text)
