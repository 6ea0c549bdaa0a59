"""The ways a sentence may write a name or value that a knowledge base gives in its own form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from corpora.build import Ends, find_words
from corpora.surface_names import find_country, find_longer, find_number_of
from corpora.surface_values import MONTHS, find_date, find_number, parse_date
from extract.encoder.words import split_words

_LITERAL = re.compile(r'"(.*)"(?:@[A-Za-z-]+|\^\^[^\s"]+)?', re.DOTALL)
_COMMA = re.compile(r"([^,]*\S),\s.*")
_WHOLE = re.compile(r"([0-9]+)\.0")
_DASHES = str.maketrans("‐‑‒–—−", "------")


def find_surface(words: Sequence[str], surface: str) -> Ends | None:
    """Where a name or value first stands in folded words, half-open; None if nowhere.

    Its forms are tried from the most to the least literal, so a disambiguation that the sentence
    does write is kept. Then come other spacing and punctuation (`J._R._Smith`: J.R. Smith), other ways to
    write a date and a number, a language's name without that word, countries by their short names and
    adjectives, other grammatical number, and middle names.
    """
    written = list(forms(surface))
    for form in written:
        ends = find_words(words, fold_words(form))
        if ends is not None:
            return ends
    finders = (
        *(_find_letters, find_date, find_number, _find_language),
        *(find_country, find_number_of, find_longer),
    )
    found = (find(words, form) for find in finders for form in written)
    return next((ends for ends in found if ends is not None), None)


def _find_letters(words: Sequence[str], form: str) -> Ends | None:
    """Words with the letters and digits of a form, its blanks and punctuation aside.

    A form without a letter is left alone: 7.0 is not 70.
    """
    wanted = _letters(form)
    if not any(c.isalpha() for c in wanted):
        return None
    parts = [_letters(word) for word in words]
    for start, first in enumerate(parts):
        if not first or not wanted.startswith(first):
            continue
        end, joined = start + 1, first
        while joined != wanted and end < len(parts) and wanted.startswith(joined + parts[end]):
            joined += parts[end]
            end += 1
        if joined == wanted:
            return start, end
    return None


def _letters(text: str) -> str:
    return "".join(c for word in fold_words(text) for c in word if c.isalnum())


def _find_language(words: Sequence[str], form: str) -> Ends | None:
    name = form.lower().removesuffix(" language")
    return find_words(words, fold_words(name)) if name != form.lower() else None


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
    date = parse_date(text)
    if date is None:
        return
    year, month, day = date
    yield f"{day} {MONTHS[month - 1]} {year}"
    yield f"{MONTHS[month - 1]} {day}, {year}"
    if (month, day) == (1, 1):
        yield str(year)
