from __future__ import annotations

import pytest

from extract.kg.literals import LiteralTypes, literal_of
from extract.kg.structures import Mention, Value


def _literal(text: str, type: str | None) -> tuple[str, str] | None:
    value = literal_of(Mention("d", 0, len(text), text, type))
    return None if value is None else (value.lexical, value.datatype)


@pytest.mark.parametrize(
    ("text", "type", "expected"),
    [
        ("March 1967", "TIME", ("1967-03", "gYearMonth")),
        ("March 1967", "date", ("1967-03", "gYearMonth")),
        ("the  1960s", "TIME", ("the 1960s", "string")),
        ("1967", "NUM", ("1967", "integer")),
        ("1967", "TIME", ("1967", "gYear")),
        ("twelve", "NUM", ("12", "integer")),
        ("12 km", "NUM", ("12 km", "string")),
        ("1967", None, ("1967", "gYear")),
        ("1967", "ENTITY", ("1967", "gYear")),
        ("3,500", None, ("3500", "integer")),
        ("12 March 1967", None, ("1967-03-12", "date")),
    ],
)
def test_literal_of_dates_and_numbers_are_typed(
    text: str, type: str | None, expected: tuple[str, str]
) -> None:
    assert _literal(text, type) == expected


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("Seven", None),
        ("the 1960s", None),
        ("1917", "MISC"),
        ("Boeing 747", None),
        ("03/04/1967", None),
    ],
)
def test_literal_of_entities_are_none(text: str, type: str | None) -> None:
    assert _literal(text, type) is None


def test_literal_of_types_can_be_named_otherwise() -> None:
    types = LiteralTypes(dates=("Jahr",), numbers=())
    assert literal_of(Mention("d", 0, 4, "1967", "JAHR"), types) == Value("1967", "gYear", "1967")
    assert literal_of(Mention("d", 0, 4, "1967", "NUM"), types) is None


def test_literal_of_keeps_the_text() -> None:
    value = literal_of(Mention("d", 0, 13, "12 March 1967", "TIME"))
    assert value is not None
    assert value.text == "12 March 1967"
    assert value == Value("1967-03-12", "date", "March 12, 1967")
