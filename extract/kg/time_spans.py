"""Dates of limited precision as spans of days, so that "before" is said only where it is sure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from extract.kg.structures import Value

_FORM = re.compile(r"(-?\d{1,9})(?:-(\d\d)(?:-(\d\d))?)?(?:Z|[+-]\d\d:\d\d)?(?:T.*)?")
_DATATYPES = {"date", "gYearMonth", "gYear"}
Day = tuple[int, int, int]  # year, month, day


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From day `first` to day `last`, both in it."""

    first: Day
    last: Day

    @classmethod
    def of(cls, value: object) -> TimeSpan | None:
        """The span of a date, a month or a year; None of anything else."""
        if not isinstance(value, Value) or value.datatype not in _DATATYPES:
            return None
        found = _FORM.fullmatch(value.lexical)
        if found is None:
            return None
        year, month, day = (int(part) if part is not None else 0 for part in found.groups())
        return cls((year, month or 1, day or 1), (year, month or 12, day or 31))

    def before(self, other: TimeSpan) -> bool:
        """Whether all of it is before all of the other."""
        return self.last < other.first

    def agrees(self, other: TimeSpan) -> bool:
        """Whether both may be the same day."""
        return not (self.before(other) or other.before(self))

    def least_years_to(self, other: TimeSpan) -> int:
        """Whole years that surely pass from this span to the other; negative if it is before."""
        start, end = self.last, other.first
        return end[0] - start[0] - (end[1:] < start[1:])
