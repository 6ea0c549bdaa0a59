"""The ways a sentence may write a name or value that a knowledge base gives in its own form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from corpora.build import Ends, find_words
from extract.encoder.words import split_words

_LITERAL = re.compile(r'"(.*)"(?:@[A-Za-z-]+|\^\^[^\s"]+)?', re.DOTALL)
_COMMA = re.compile(r"([^,]*\S),\s.*")
_WHOLE = re.compile(r"([0-9]+)\.0")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DATE = re.compile(rf"([0-9]{{1,2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})")
_DASHES = str.maketrans("‐‑‒–—−", "------")


def find_surface(words: Sequence[str], surface: str) -> Ends | None:
    """Where a name or value first stands in folded words, half-open; None if nowhere.

    Its forms are tried from the most to the least literal, so a disambiguation that the sentence
    does write is kept.
    """
    for form in forms(surface):
        ends = find_words(words, fold_words(form))
        if ends is not None:
            return ends
    return None


def fold_words(text: str) -> list[str]:
    """The words of a text for comparison: no capitals, no accents, one kind of dash."""
    return [fold(token.text) for token in split_words(text)]


def fold(word: str) -> str:
    """A word without capitals and accents, dashes made alike."""
    decomposed = unicodedata.normalize("NFKD", word.translate(_DASHES).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)) or word


def forms(surface: str) -> Iterator[str]:
    """The forms of a name or value: without underscores and quotes, then as below.

    `Turn_Me_On_(album)`: Turn Me On. `7.0 (kilograms)`: 7.0, 7. `Alpharetta,_Georgia`:
    Alpharetta. `1983-10-03`, `03 October 1983`: 3 October 1983, October 3, 1983. `01 January
    1999` stands for a year in Wikidata exports: also 1999.
    """
    literal = _LITERAL.fullmatch(surface.strip())
    text = (literal[1] if literal else surface).replace("_", " ").strip()
    yield text
    if text.endswith(")") and text.find("(") > 0:
        text = text[: text.rindex("(")].strip()
        yield text
    for pattern in (_COMMA, _WHOLE):
        short = pattern.fullmatch(text)
        if short:
            yield short[1]
    yield from _dates(text)


def _dates(text: str) -> Iterator[str]:
    iso, named = _ISO_DATE.fullmatch(text), _DATE.fullmatch(text)
    if iso and 1 <= int(iso[2]) <= 12:
        day, month, year = int(iso[3]), _MONTHS[int(iso[2]) - 1], iso[1]
    elif named:
        day, month, year = int(named[1]), named[2], named[3]
    else:
        return
    yield f"{day} {month} {year}"
    yield f"{month} {day}, {year}"
    if (day, month) == (1, "January"):
        yield year
