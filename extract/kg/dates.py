"""Dates as English writes them, in XSD's notation, no more precise than what was written.

A date that can be read in two ways (03/04/1967), a period (the 1960s, 1990-91) or one whose year is not
given whole (12 March, March '67) is none: nothing is guessed.
"""

from __future__ import annotations

import calendar
import re

from extract.kg.surface import compatible

_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr, [""] * 9 + ["Sept"])
    for number, name in enumerate(names)
    if name
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_BEFORE, _AFTER = r"b\.? ?c\.?(?: ?e\.?)?", r"a\.? ?d\.?|c\.? ?e\.?"
_YEAR = (
    rf"(?:(?P<ad>a\.? ?d\.? ))?(?P<year>[0-9]{{1,3}},[0-9]{{3}}|[0-9]{{1,5}})"
    rf"(?: ?(?:(?P<bc>{_BEFORE})|(?P<ce>{_AFTER})))?"
)
_WEEKDAY = rf"(?:(?:{'|'.join(name.lower() for name in calendar.day_name)}),? )?"
_OPENING = r"(?:(?:in|on) )?(?:the )?"
_WRITTEN = [
    re.compile(_OPENING + form)
    for form in (
        rf"{_WEEKDAY}(?:the )?{_DAY}(?: day)?(?: of)? {_MONTH}(?:,| of)? {_YEAR}",
        rf"{_WEEKDAY}{_MONTH}(?: the)? {_DAY},? {_YEAR}",
        rf"{_MONTH}(?:,| of)? (?:the year )?{_YEAR}",
        rf"(?:year )?{_YEAR}",
    )
]
_ISO = re.compile(r"(?P<year>-?[0-9]{4})-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?")
_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})([/.])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([/.])([0-9]{1,2})\2([0-9]{4})")


def read_date(text: str) -> tuple[str, str] | None:
    """The lexical form and datatype ("date", "gYearMonth" or "gYear") of a date; None if it is not one.

    Years before Christ follow XSD 1.1 (and ISO 8601): 1 BC is 0000, 44 BC is -0043. A year without "BC" or
    "AD" needs three digits, the first of them no zero. The calendar is the one the text uses.
    """
    plain = re.sub(r"\s+", " ", compatible(text)).strip().casefold().replace(" ,", ",")
    return _read_digits(plain) or next(
        filter(None, (_read_words(form, plain) for form in _WRITTEN)), None
    )


def _read_digits(text: str) -> tuple[str, str] | None:
    if found := _ISO.fullmatch(text):
        year, month = int(found["year"]), int(found["month"])
        if found["day"] is not None:
            return _lexical(year, month, int(found["day"]))
        # 2001-02 is February or the season that ends in 2002.
        return None if month > year % 100 else _lexical(year, month)
    if found := _YEAR_FIRST.fullmatch(text):
        return _lexical(int(found["year"]), int(found["month"]), int(found["day"]))
    if found := _YEAR_LAST.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if first > 12 or first == second:
            return _lexical(year, second, first)
        return _lexical(year, first, second) if second > 12 else None
    return None


def _read_words(form: re.Pattern[str], text: str) -> tuple[str, str] | None:
    found = form.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    year, era = int(parts["year"].replace(",", "")), [parts[name] for name in ("ad", "bc", "ce")]
    counted = sum(mark is not None for mark in era)
    if (
        year == 0
        or counted > 1
        or (counted == 0 and not re.fullmatch("[1-9][0-9]{2,3}", parts["year"]))
    ):
        return None
    year = 1 - year if parts["bc"] is not None else year
    month, day = parts.get("month"), parts.get("day")
    if month is None:
        return _lexical(year)
    return _lexical(year, _MONTHS[month], None if day is None else int(day))


def _lexical(year: int, month: int | None = None, day: int | None = None) -> tuple[str, str] | None:
    """XSD's notation; None for a month or day that no calendar has."""
    written = f"-{-year:04d}" if year < 0 else f"{year:04d}"
    if month is None:
        return written, "gYear"
    if not 1 <= month <= 12:
        return None
    if day is None:
        return f"{written}-{month:02d}", "gYearMonth"
    n_days = calendar.monthrange(2000 + year % 400, month)[1]  # leap years recur every 400
    return (f"{written}-{month:02d}-{day:02d}", "date") if 1 <= day <= n_days else None
