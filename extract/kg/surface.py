"""Names in a form that can be compared, and what a name alone says about whom it may mean."""

from __future__ import annotations

import unicodedata
from itertools import groupby

import regex

_ARTICLE = regex.compile(r"^(?:the|an?) (?=.)")
_POSSESSIVE = regex.compile(r"['’]s?$")
_INITIALISM = regex.compile(r"\b(?:\p{L}\.)+\p{L}?(?!\p{L})")
# Apostrophes go without a gap (O'Brien, OBrien), all else that is no letter or digit leaves one, but for what
# tells names apart: C++ and C#, Disney+, +1 and -1.
_TOLD = r"(?<=[\p{L}\p{N}+#])[+#]+(?![\p{L}\p{N}])|(?<![\p{L}\p{M}\p{N}])[-+](?=\p{N})"
_APOSTROPHE = regex.compile(r"['’`ʼ]")
_GAP = regex.compile(rf"(?:(?!{_TOLD})[^\p{{L}}\p{{M}}\p{{N}}])+")
_LEGAL_FORMS = frozenset(
    "ab ag as asa bv co company corp corporation gmbh inc incorporated kg kk limited llc llp ltd nv "
    "oy oyj plc pty sa sarl se spa srl".split()
)
_HONORIFICS = frozenset("mr mrs ms miss dr prof professor sir dame lord lady rev".split())
_PARTICLES = frozenset(
    "al bin da de del della den der di dos du el ibn la le ter van von zu".split()
)
_IN_LETTERS = (0, 7, 8, 9)  # combining classes: none, nukta, voicing of kana, virama
_PLACED = ("<super>", "<sub>", "<fraction>", "<circle>")  # kinds of decompositions
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]{2}")


def normalised(text: str, *, organisation: bool = False, person: bool = False) -> str:
    """A name for comparison: NFKC, without case, article, possessive and punctuation, single spaces.

    Of punctuation "+" and "#" behind a word and signs before a number stay.

    Of an organisation, legal forms at the end go too ("Apple Inc." is "apple"), of a person, titles at the
    beginning ("Dr. Smith" is "smith"). Letters with points between them are one word ("U.S." is "us"), but a
    person's initials stay apart. A text of punctuation alone stays as it is, without case.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    stripped = _POSSESSIVE.sub("", plain)
    if not person:
        stripped = _INITIALISM.sub(lambda found: found[0].replace(".", ""), stripped)
    words = _GAP.sub(" ", _APOSTROPHE.sub("", stripped)).strip()
    if not words:
        return plain or text
    parts = _ARTICLE.sub("", words).split()
    while organisation and len(parts) > 1 and parts[-1] in _LEGAL_FORMS:
        parts.pop()
    while person and len(parts) > 1 and parts[0] in _HONORIFICS:
        parts.pop(0)
    return " ".join(parts)


def without_accents(text: str) -> str:
    """The text with its letters' accents and vowel points taken off.

    Marks that make another letter stay: the voicing of kana, nuktas and viramas.
    """
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if unicodedata.combining(c) in _IN_LETTERS)


def compatible(text: str) -> str:
    """The text in NFKC, but for characters that mean another thing by their place: 10\u2076 is not 106."""
    return "".join(
        "".join(part) if placed else unicodedata.normalize("NFKC", "".join(part))
        for placed, part in groupby(text, key=_is_placed)
    )


def _is_placed(character: str) -> bool:
    return unicodedata.decomposition(character).startswith(_PLACED)


def names_one_person(surface: str) -> bool:
    """Whether a person's normalised name says who it is beyond its document.

    A surname, a given name or one initial with a surname does not. A mononym does not either, as nothing
    tells it from a surname. Names in scripts that write no spaces are taken as whole.
    """
    words = [word for word in surface.split() if word not in _PARTICLES]
    initials = sum(len(word) == 1 for word in words)
    return len(words) - initials + initials // 2 > 1 or _UNSPACED.search(surface) is not None


def may_name(short: str, full: str) -> bool:
    """Whether a person's shorter name may stand for a fuller one: its words are there, in order.

    An initial stands for any word that begins with it.
    """
    words = iter(full.split())
    return short != full and all(
        any(_same_word(word, other) for other in words) for word in short.split()
    )


def _same_word(short: str, full: str) -> bool:
    return short == full or (len(short) == 1 and short == full[0])
