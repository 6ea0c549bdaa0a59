from __future__ import annotations

import calendar
import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.kg.dates import read_date

_FORMS = [
    "{day} {month} {year}", "{day}{th} {month} {year}", "{month} {day}, {year}", "{month} {day} , {year}",
    "{month} {day}{th}, {year}", "the {day}{th} of {month}, {year}", "{short}. {day}, {year}",
    "{day} {short} {year}", "on {weekday}, {day} {month} {year}", "{weekday}, {month} {day}, {year}",
    "{year}-{m:02d}-{d:02d}", "{year}/{m:02d}/{d:02d}", "{upper} {day}, {year}",
]  # fmt: skip
_MONTH_FORMS = [
    "{month} {year}",
    "{month}, {year}",
    "in {month} {year}",
    "{month} of {year}",
    "{short}. {year}",
]


def _parts(date: datetime.date) -> dict[str, object]:
    ends = {1: "st", 2: "nd", 3: "rd"}
    name = calendar.month_name[date.month]
    return {
        "day": date.day,
        "th": "th" if 11 <= date.day <= 13 else ends.get(date.day % 10, "th"),
        "month": name,
        "upper": name.upper(),
        "short": calendar.month_abbr[date.month],
        "weekday": calendar.day_name[date.weekday()],
        "year": date.year,
        "m": date.month,
        "d": date.day,
    }


_dates = st.dates(min_value=datetime.date(1000, 1, 1))


@settings(deadline=None)
@given(_dates, st.sampled_from(_FORMS))
def test_read_date_written_in_any_form_comes_back(date: datetime.date, form: str) -> None:
    assert read_date(form.format(**_parts(date))) == (date.isoformat(), "date")


@settings(deadline=None)
@given(_dates, st.sampled_from(_MONTH_FORMS))
def test_read_date_without_day_invents_none(date: datetime.date, form: str) -> None:
    assert read_date(form.format(**_parts(date))) == (date.isoformat()[:7], "gYearMonth")


@settings(deadline=None)
@given(st.integers(1, 9999), st.sampled_from(["{} BC", "{} B.C.", "{} bce", "in {} BC"]))
def test_read_date_before_christ_counts_from_zero(year: int, form: str) -> None:
    lexical, datatype = read_date(form.format(year)) or ("", "")
    assert (1 - int(lexical), datatype) == (year, "gYear")
    assert len(lexical.lstrip("-")) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1967", ("1967", "gYear")),
        ("in 1967", ("1967", "gYear")),
        ("the year 476", ("0476", "gYear")),
        ("AD 70", ("0070", "gYear")),
        ("70 C.E.", ("0070", "gYear")),
        ("1 BC", ("0000", "gYear")),
        ("15 March 44 BC", ("-0043-03-15", "date")),
        ("10,000 BC", ("-9999", "gYear")),
        ("13/03/1967", ("1967-03-13", "date")),
        ("03/13/1967", ("1967-03-13", "date")),
        ("3.3.1967", ("1967-03-03", "date")),
        ("29 February 2000", ("2000-02-29", "date")),
        ("Sept. 1999", ("1999-09", "gYearMonth")),
        ("12 March 1967", ("1967-03-12", "date")),  # with a no-break space
    ],
)  # fmt: skip
def test_read_date_known_forms_are_read(text: str, expected: tuple[str, str]) -> None:
    assert read_date(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the 1960s", "1990-91", "1990–1991", "2001-02", "03/04/1967", "12 March", "March", "March '67",
        "12 March 67", "31 April 1999", "29 February 1900", "31/31/1999", "circa 1967", "early 1967",
        "1967 BC AD", "AD 70 BC", "0 BC", "44", "0000", "1967-13", "1967-02-30", "19th century", "since 1967",
        "123456", "", " ", "Sunday", "١٩٦٧", "in", "007", "0099", "196²", "March 0967",
    ],
)  # fmt: skip
def test_read_date_unclear_or_impossible_is_none(text: str) -> None:
    assert read_date(text) is None


@settings(deadline=None)
@given(st.text(max_size=30))
def test_read_date_any_text_is_read_or_none(text: str) -> None:
    found = read_date(text)
    assert found is None or found[1] in ("date", "gYearMonth", "gYear")


@settings(deadline=None)
@given(_dates, st.sampled_from(_FORMS))
def test_read_date_is_valid_xsd(date: datetime.date, form: str) -> None:
    pyoxigraph = pytest.importorskip("pyoxigraph")
    lexical, _ = read_date(form.format(**_parts(date))) or ("", "")
    query = f'SELECT (year("{lexical}"^^<http://www.w3.org/2001/XMLSchema#date>) AS ?y) {{}}'
    (row,) = pyoxigraph.Store().query(query)
    assert int(row["y"].value) == date.year
