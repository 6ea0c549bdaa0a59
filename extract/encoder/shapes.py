"""Word shapes: what an uncased vocabulary throws away and names are recognised by.

Each piece carries the shape of its word; the model adds a learned vector for it to the piece's
embedding, so that every layer can read the capitals of an uncased encoder.

Collins 2002, Ranking Algorithms for Named-Entity Extraction (word-shape features).
Differs from the paper: classes instead of the pattern itself, and they enter the encoder.
"""

from __future__ import annotations

from functools import lru_cache

SHAPES = (
    "none",  # special tokens and padding
    "lower",
    "capitalised",
    "upper",
    "initial",  # one capital letter
    "mixed",
    "digits",
    "number",  # digits with separators or a suffix
    "acronym",  # capitals with stops
    "alphanumeric",
    "caseless",  # letters of a script without case
    "symbol",
)
_INDEX = {name: i for i, name in enumerate(SHAPES)}


@lru_cache(maxsize=65536)
def word_shape(word: str) -> int:
    """The index in `SHAPES` of a word's shape."""
    return _INDEX[_shape(word)]


def _shape(word: str) -> str:
    if word.isdigit():
        return "digits"
    if word[:1].isdigit():
        return "alphanumeric" if any(c.isupper() for c in word) else "number"
    letters = [c for c in word if c.isalpha()]
    if not letters:
        return "symbol"
    if any(c.isdigit() for c in word):
        return "alphanumeric"
    upper = sum(c.isupper() for c in letters)
    if upper == 0:
        return "lower" if any(c.islower() for c in letters) else "caseless"
    if upper == len(letters):
        if "." in word:
            return "acronym"
        return "initial" if len(letters) == 1 else "upper"
    return "capitalised" if upper == 1 and word[0].isupper() else "mixed"
