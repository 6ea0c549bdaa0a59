"""Dates and numbers in folded words, however they are written there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from corpora.build import Ends

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
Date = tuple[int, int, int]  # year, month, day

_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DATE = re.compile(rf"([0-9]{{1,2}}) ({'|'.join(MONTHS)}) ([0-9]{{4}})")
_DAY = re.compile(r"0?([0-9]{1,2})(?:st|nd|rd|th)?")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_BETWEEN = {",", ".", "of", "the", "/", "-"}  # what may stand between the parts of a date
_REACH = 7  # words that a date has at most: the 3rd of October, 1983 has six
_SURE_DIGITS = 3  # a rounded number with fewer digits may be any number


def parse_date(text: str) -> Date | None:
    """Year, month and day of `1983-10-03` or `03 October 1983`; None for anything else."""
    iso, named = _ISO_DATE.fullmatch(text), _DATE.fullmatch(text)
    if iso:
        year, month, day = (int(part) for part in iso.groups())
    elif named:
        year, month, day = int(named[3]), MONTHS.index(named[2]) + 1, int(named[1])
    else:
        return None
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def find_date(words: Sequence[str], form: str) -> Ends | None:
    """Where the day that a form states first stands: the 3rd of October, 1983; Oct 3rd 1983; 03/10/1983."""
    date = parse_date(form)
    if date is None:
        return None
    for at, word in enumerate(words):
        if word == str(date[0]):
            start = _start_of_day(words, at, date)
            if start is not None:
                return start, at + 1
    return None


def _start_of_day(words: Sequence[str], year_at: int, date: Date) -> int | None:
    """Where month and day stand that lead up to a year, only what may be between them there."""
    missing = {"month", "day"}
    for at in range(year_at - 1, max(-1, year_at - _REACH), -1):
        word = words[at]
        day = _DAY.fullmatch(word)
        if "month" in missing and is_month(word, date[1]):
            missing.remove("month")
        elif "day" in missing and day and int(day[1]) == date[2]:
            missing.remove("day")
        elif "month" in missing and day and int(day[1]) == date[1]:
            missing.remove("month")
        elif word not in _BETWEEN:
            return None
        if not missing:
            return at
    return None


def is_month(word: str, month: int) -> bool:
    """Whether a folded word names the month, whole or by three letters and more."""
    name = MONTHS[month - 1].lower()
    return len(word) >= 3 and (name.startswith(word) or word == "sept" == name[:4])


def find_number(words: Sequence[str], form: str) -> Ends | None:
    """Where a number first stands: 1,972,550 for 1972550.0; else rounded, 83.2 for 83.2104."""
    if not _NUMBER.fullmatch(form):
        return None
    values = [parse_number(word) for word in words]
    exact = next((at for at, value in enumerate(values) if value == float(form)), None)
    if exact is not None:
        return exact, exact + 1
    for at, (word, value) in enumerate(zip(words, values, strict=True)):
        if value is not None and _is_rounded(word, value, float(form)):
            return at, at + 1
    return None


def _is_rounded(word: str, value: float, exact: float) -> bool:
    decimals = len(word.partition(".")[2])
    sure = sum(c.isdigit() for c in word) >= _SURE_DIGITS
    return decimals > 0 and sure and round(exact, decimals) == value


def parse_number(word: str) -> float | None:
    """The value of a number without sign, its thousands grouped or not; None for anything else."""
    if _GROUPED.fullmatch(word):
        word = word.replace(",", "")
    return float(word) if _NUMBER.fullmatch(word) else None
