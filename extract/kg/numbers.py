"""Numbers as English writes them, in digits or words, in XSD's notation."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

from extract.kg.surface import compatible

_SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_DIGITS = re.compile(
    rf"(?P<sign>[-+]?)(?P<whole>[1-9][0-9]{{0,2}}(?:,[0-9]{{3}}){{1,13}}|0|[1-9][0-9]{{0,39}})"
    rf"(?P<part>\.[0-9]{{1,40}})?(?:[ -](?P<scale>{'|'.join(_SCALES)}))?"
)


def read_number(text: str, *, words: bool = True) -> tuple[str, str] | None:
    """The lexical form and datatype ("integer" or "decimal") of a number; None if it is not one.

    Units, percent signs, ordinals and leading zeros make it none. `words`: whether "twelve" is read too.
    """
    plain = compatible(text).replace("−", "-")
    plain = re.sub(r"\s+", " ", plain).strip().casefold()
    found = _DIGITS.fullmatch(plain)
    if found is None:
        number = _read_words(plain) if words else None
        return None if number is None else (str(number), "integer")
    with localcontext(prec=100):
        value = Decimal(f"{found['sign']}{found['whole'].replace(',', '')}{found['part'] or ''}")
        value *= _SCALES.get(found["scale"] or "", 1)
        if found["part"] is None or (found["scale"] and value == value.to_integral_value()):
            return str(int(value)), "integer"
    # The canonical form has one digit after the point at least, no further zeros, and no negative zero.
    written = f"{abs(value) if value == 0 else value:f}".rstrip("0")
    return (f"{written}0" if written.endswith(".") else written), "decimal"


def _read_words(text: str) -> int | None:
    """A number in words: groups below a thousand, each with a smaller scale than the one before."""
    words = re.split(r"[ -]", text)
    total, last_scale = 0, 10**15
    while words:
        group = _read_group(words, first=total == 0)
        if group is None:
            return None
        scale = _SCALES.get(words[0], 1) if words else 1
        if scale >= last_scale or (group == 0 and (words or total)):
            return None
        if scale > 1:
            words.pop(0)
        total, last_scale = total + group * scale, scale
    return total


def _read_group(words: list[str], first: bool) -> int | None:
    """Take a number below a thousand from the front of `words`; None if there is none."""
    hundreds = 0
    if not first and words[0] == "and":
        words.pop(0)
    elif len(words) > 1 and words[1] == "hundred" and 1 <= _SMALL.get(words[0], 0) <= 9:
        hundreds = 100 * _SMALL[words[0]]
        del words[:2]
        if words and words[0] == "and":
            words.pop(0)
            if not words:
                return None
        elif not words or words[0] in _SCALES:
            return hundreds
    if not words:
        return None
    if (small := _SMALL.get(words[0])) is not None:
        words.pop(0)
        return hundreds + small if not (hundreds and small == 0) else None
    tens = _TENS.get(words.pop(0))
    if tens is None:
        return None
    if words and 1 <= _SMALL.get(words[0], 0) <= 9:
        tens += _SMALL[words.pop(0)]
    return hundreds + tens
