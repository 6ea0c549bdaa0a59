from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.kg.numbers import read_number

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def _in_words(number: int, joint: str) -> str:
    """A number below a quadrillion in words, "and" or nothing after hundreds."""
    for scale, name in (
        (10**12, "trillion"),
        (10**9, "billion"),
        (10**6, "million"),
        (1000, "thousand"),
    ):
        if number >= scale:
            rest = f" {_in_words(number % scale, joint)}" if number % scale else ""
            return f"{_in_words(number // scale, joint)} {name}{rest}"
    if number >= 100:
        rest = f" {joint}{_in_words(number % 100, joint)}" if number % 100 else ""
        return f"{_SMALL[number // 100]} hundred{rest}"
    if number >= 20:
        return _TENS[number // 10 - 2] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    return _SMALL[number]


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1), st.sampled_from(["", "and "]))
def test_read_number_in_words_comes_back(number: int, joint: str) -> None:
    assert read_number(_in_words(number, joint)) == (str(number), "integer")


@settings(deadline=None)
@given(st.integers(-(10**30), 10**30))
def test_read_number_with_commas_comes_back(number: int) -> None:
    assert read_number(f"{number:,}") == read_number(str(number)) == (str(number), "integer")


@settings(deadline=None)
@given(st.decimals(-(10**9), 10**9, places=3))
def test_read_number_with_point_keeps_its_value(number: Decimal) -> None:
    lexical, datatype = read_number(f"{number:,.3f}") or ("", "")
    assert datatype == "decimal"
    assert Decimal(lexical) == number
    assert lexical == "0.0" or not lexical.endswith("00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3,500", ("3500", "integer")),
        ("3.5 million", ("3500000", "integer")),
        ("1.0000005 million", ("1000000.5", "decimal")),
        ("Twelve", ("12", "integer")),
        ("two hundred and five", ("205", "integer")),
        ("2 billion", ("2000000000", "integer")),
        ("−5", ("-5", "integer")),
        ("3.50", ("3.5", "decimal")),
        ("12.0", ("12.0", "decimal")),
        ("-0.0", ("0.0", "decimal")),
        ("-0", ("0", "integer")),
    ],
)
def test_read_number_known_forms_are_read(text: str, expected: tuple[str, str]) -> None:
    assert read_number(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "12 %", "12 km", "12th", "007", "3,50", "1,2345", "3.500.000", "a million", "hundred",
        "two one", "and five",
        "five and", "five hundred and", "twenty zero", "two thousand million", "dozens", "", "-",
        ".5", "1e6", "٣", "10⁶", "5²", "H₂", "1½", "③",
    ],
)  # fmt: skip
def test_read_number_what_is_more_or_unclear_is_none(text: str) -> None:
    assert read_number(text) is None


def test_read_number_without_words_reads_digits_only() -> None:
    assert read_number("Seven", words=False) is None
    assert read_number("7", words=False) == ("7", "integer")


@settings(deadline=None)
@given(st.text(alphabet="andoneteythusmilr -,.0123456789", max_size=40))
def test_read_number_any_text_is_read_or_none(text: str) -> None:
    found = read_number(text)
    assert found is None or Decimal(found[0]).is_finite()


def test_read_number_too_long_to_be_one_is_none() -> None:
    assert read_number("1" * 41) is None
    assert read_number("1" + ",234" * 40) is None
