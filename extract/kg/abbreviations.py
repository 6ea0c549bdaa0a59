"""Abbreviations and what they stand for.

Schwartz and Hearst 2003, A Simple Algorithm for Identifying Abbreviation Definitions in Biomedical Text: the
letters of the short form stand in the long form in order, the first at the beginning of a word.
Differs from the paper: both forms are mentions, so the long form's extent is known, and its first word must
begin with the first letter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import regex

from extract.kg.entities import BaseEntities, BaseEntity
from extract.kg.structures import Mention, Merge
from extract.kg.votes import Reason, Votes

_MAX_LETTERS = 10  # as the paper
_BRACKET = 3  # characters between the two: " (", or " ( " where words stand apart
_SMALL_WORDS = frozenset(
    "a an and at by de del der des di do du for in la le of on the to und y".split()
)
_WORD = regex.compile(r"[\p{L}\p{N}]+")


def abbreviations(bases: BaseEntities) -> Iterator[Merge]:
    """An abbreviation and the long form that it stands for in the documents that have both.

    A long form is one that stands beside it in brackets and has its letters, or whose words have its letters
    as initials. A document that offers two says nothing.
    """
    votes = Votes()
    for document, found in bases.by_document.items():
        shorts = [(base, letters) for base in found if (letters := _letters(base)) is not None]
        longs = _Longs(
            [base for base in found if any(gap in base.surface for gap in " -")], document
        )
        for short, letters in shorts:
            reasons = {
                long.id: reason
                for long in longs.near(short, letters)
                if bases.agree(short, long)
                and (reason := _reason(short, long, letters, document)) is not None
            }
            best = max((reason.score for reason in reasons.values()), default=0.0)
            named = [id for id, reason in reasons.items() if reason.score == best]
            if len(named) == 1:
                votes.add(short, bases[named[0]], reasons[named[0]])
    yield from votes.merges(bases, "abbreviation")


class _Longs:
    """The long forms of a document, by their initials and by where they start and end."""

    def __init__(self, longs: Sequence[BaseEntity], document: str) -> None:
        self._document = document
        self._by_initials: dict[str, list[BaseEntity]] = defaultdict(list)
        self._starting: dict[int, list[BaseEntity]] = defaultdict(list)
        self._ending: dict[int, list[BaseEntity]] = defaultdict(list)
        for long in longs:
            mentions = long.in_document(document)
            for mention in mentions:
                self._starting[mention.start].append(long)
                self._ending[mention.end].append(long)
            for letters in {letters for mention in mentions for letters in initials(mention.text)}:
                self._by_initials[letters].append(long)

    def near(self, short: BaseEntity, letters: str) -> list[BaseEntity]:
        """Those whose initials are the letters, and those that stand beside a mention of the short form."""
        found = {long.id: long for long in self._by_initials.get(letters, ())}
        for mention in short.in_document(self._document):
            for gap in range(1, _BRACKET + 1):
                beside = (
                    *self._starting.get(mention.end + gap, ()),
                    *self._ending.get(mention.start - gap, ()),
                )
                found |= {long.id: long for long in beside}
        return list(found.values())


def _letters(base: BaseEntity) -> str | None:
    """The letters and digits of an abbreviation, without case; None if no mention looks like one."""
    for text in base.texts:
        letters = "".join(_WORD.findall(text))
        capitals = sum(c.isupper() for c in letters)
        one_word = " " not in text.strip() or "." in text
        if one_word and 2 <= len(letters) <= _MAX_LETTERS and capitals >= max(2, len(letters) / 2):
            return letters.casefold()
    return None


def _reason(short: BaseEntity, long: BaseEntity, letters: str, document: str) -> Reason | None:
    """Why a long form is what an abbreviation stands for in a document; None if it is not."""
    if short.id == long.id:
        return None
    texts = sorted({mention.text for mention in long.in_document(document)})
    spelt = next((text for text in texts if letters in initials(text)), None)
    if spelt is None and not any(abbreviates(letters, text.casefold()) for text in texts):
        return None
    if _beside(short.in_document(document), long.in_document(document)):
        because = f"{texts[0]!r} and {short.texts[0]!r} stand beside each other in {document!r}"
        return Reason(1.0, because)
    if spelt is None:
        return None
    return Reason(0.9, f"{short.texts[0]!r} has the initials of {spelt!r}, both in {document!r}")


def initials(text: str) -> set[str]:
    """The initials of a name's words, without case: of all words, and of all but small ones like "of"."""
    words = [word.casefold() for word in _WORD.findall(text)]
    large = [word for word in words if word not in _SMALL_WORDS]
    return {"".join(word[0] for word in some) for some in (words, large) if len(some) > 1}


def abbreviates(letters: str, long: str) -> bool:
    """Whether the letters stand in the long form in order, the first at its very beginning."""
    rest = iter(long)
    return long[:1] == letters[:1] and len(long) > len(letters) and all(c in rest for c in letters)


def _beside(some: Sequence[Mention], others: Sequence[Mention]) -> bool:
    """Whether one mention follows another after no more than a bracket."""
    ends = {mention.end for mention in some}, {mention.end for mention in others}
    return any(
        mention.start - gap in own
        for starting, own in ((others, ends[0]), (some, ends[1]))
        for mention in starting
        for gap in range(1, _BRACKET + 1)
    )
