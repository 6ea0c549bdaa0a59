"""Words by Unicode script, with exact character offsets.

White space never decides alone: scripts written without spaces are cut into units the encoder can
pool, and a change of script ends a word. Every character that is neither white space nor a
control or format character belongs to exactly one word.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

import regex

from extract.structures import Token

# Han, kana and the South-East Asian scripts are written without spaces: a word there is one
# grapheme, as pretrained WordPiece vocabularies also cut Han.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_SCRIPTS = (
    "Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati "
    "Oriya Tamil Telugu Kannada Malayalam Sinhala Georgian Hangul Ethiopic Cherokee Mongolian"
).split()
# A zero-width joiner or a variation selector inside a word (Persian, Indic, emoji) continues it.
_CONTINUES = r"\p{M}\u200c\u200d\ufe0f"

_WORD = regex.compile(
    "|".join(
        [
            r"(?:\p{Lu}\.){2,}",  # U.S., J.R.R.
            r"\p{Nd}++(?:[.,:]\p{Nd}++)*+(?:(?:st|nd|rd|th|s)(?!\p{L}))?",  # 1,250.5  12:30  16th  1990s
            rf"[{_UNSPACED}][{_CONTINUES}]*",
            *(rf"\p{{{script}}}(?:[\p{{{script}}}{_CONTINUES}])*" for script in _SCRIPTS),
            rf"\p{{L}}[\p{{L}}{_CONTINUES}]*",
            r"\p{N}+",
            rf"[^\s\p{{C}}][{_CONTINUES}]*",  # punctuation, symbols and emoji, one at a time
            r"\p{Co}",
        ]
    )
)


def split_words(text: str, start_char: int = 0) -> list[Token]:
    """The words of `text`, their character offsets shifted by `start_char`.

    Time grows linearly with the text. White space, control and format characters are in no word,
    so a text made of them alone has no words.
    """
    return [
        Token(match.group(), match.start() + start_char, match.end() + start_char)
        for match in _WORD.finditer(text)
    ]


def iter_words(text: str, start_char: int, end_char: int) -> Iterator[Token]:
    """The words of the part `start_char` up to `end_char` of `text`, which it does not copy, one by one.

    Words written alike share one string, since all words of a document are held until it is done.
    """
    for match in _WORD.finditer(text, start_char, end_char):
        yield Token(intern(match.group()), match.start(), match.end())


def count_words(text: str) -> int:
    """How many words `split_words` gives, without making them."""
    return sum(1 for _ in _WORD.finditer(text))
