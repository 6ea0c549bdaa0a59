"""Sentences by rule: terminal punctuation, then white space, then something that may start one.

Covers the cases that harm extraction: abbreviations, initials, decimals, ellipses, quotes after the
stop, blank lines, and the full stops of scripts written without spaces. No model, no language
setting; a sentence never spans a blank line, and has `MAX_WORDS` words at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import regex

from extract.encoder.words import iter_words
from extract.structures import Token

# A longer one, in a list or a table mostly, is cut, so that memory does not grow with it. A fact across the
# cut is lost, one in thousands of words of text without sentences.
MAX_WORDS = 4000
_READ = 4000  # words read ahead at once
_STOPS = frozenset(".!?…")
_WIDE_STOPS = frozenset("。！？｡।॥۔؟።។။")  # these end a sentence without white space after them
_CLOSERS = frozenset("\"'”’»)]}」』）")
_OPENERS = frozenset("\"'“‘«([{「『（¿¡-–—•*#")
# Written with a full stop and followed by a name or a number: no sentence ends here.
_LEADING = frozenset(
    "mr mrs ms dr prof rev hon sen rep gov gen col maj capt lt sgt cmdr adm st mt ft vs viz cf ca "
    "approx fig figs eq sec ch vol vols pp ed eds nos op cit resp tel e.g i.e".split()
)
# Written with a full stop inside a sentence as well as at its end: what follows has to tell.
_ABBREVIATIONS = frozenset(
    "jr sr no art p al etc dept univ inc ltd corp co bros assn ave blvd rd jan feb mar apr jun jul aug "
    "sep sept oct nov dec mon tue wed thu fri sat sun ariz calif colo conn fla ill mass mich minn miss "
    "mo okla pa tenn tex va wash wis".split()
)
# Words that open a sentence far more often than they follow an abbreviation or initial inside one.
_OPENER_WORDS = frozenset(
    "The An In On At He She It They We You This That These Those His Her Its Their Our But And "
    "However After Before When While As For From By With If There".split()
)
# Starts at a line end, not at the white space before it, which would cost quadratic time.
_BLANK_LINE = regex.compile(r"\n[ \t\r\f\v]*+(?:\n[ \t\r\f\v]*+)++|[\u2029\x1c\x1d]")


def split_sentences(text: str) -> list[list[Token]]:
    """The words of each sentence of `text`, with character offsets into `text`.

    A text without words gives no sentences. Time grows linearly with the text.
    """
    return list(iter_sentences(text))


def iter_sentences(text: str) -> Iterator[list[Token]]:
    """What `split_sentences` gives, one by one: few words are held at once, however long the text."""
    start = 0
    for blank in chain(_BLANK_LINE.finditer(text), [None]):
        end = blank.start() if blank is not None else len(text)
        if end > start:
            yield from _split_paragraph(text, start, end)
        if blank is not None:
            start = blank.end()


def in_context(
    sentences: Iterable[list[Token]], n_words: int
) -> Iterator[tuple[list[Token], tuple[str, ...], tuple[str, ...]]]:
    """Each sentence with the last `n_words` (at least 1) words before it and the first ones after it."""
    source = iter(sentences)
    before: deque[str] = deque(maxlen=n_words)
    waiting: deque[list[Token]] = deque(islice(source, 1))
    n_waiting = 0  # words behind the first that waits
    while waiting:
        while n_waiting < n_words and (following := next(source, None)) is not None:
            waiting.append(following)
            n_waiting += len(following)
        sentence = waiting.popleft()
        after = (token.text for words in waiting for token in words)
        yield sentence, tuple(before), tuple(islice(after, n_words))
        before.extend(token.text for token in sentence)
        n_waiting -= len(waiting[0]) if waiting else 0


def _split_paragraph(text: str, start: int, end: int) -> Iterator[list[Token]]:
    source = iter_words(text, start, end)
    words: list[Token] = []
    ended = False
    while not ended:
        more = list(islice(source, _READ))
        ended = len(more) < _READ
        words += more
        first = 0
        for cut in _ends(text, words, ended=ended):
            yield words[first:cut]
            first = cut
        words = words[first:]
    if words:
        yield words


def _ends(text: str, words: list[Token], *, ended: bool) -> Iterator[int]:
    """Where sentences end, each the place of the word after it; those that words still to be read decide are
    left out unless the words have `ended`.
    """
    first, at = 0, 0
    while at < len(words):
        if at - first == MAX_WORDS:
            yield at
            first = at
        if not _is_stop(words, at):
            at += 1
            continue
        end = at + 1
        while end < len(words) and end - first < MAX_WORDS and _belongs_to_end(words, end):
            end += 1
        if end + 1 >= len(words) and not ended:
            return
        if end == len(words) or _starts_sentence(text, words, first, at, end):
            yield end
            first = end
        at = end


def _is_stop(words: list[Token], at: int) -> bool:
    word = words[at].text
    # "U.S." is one word that may also close its sentence.
    return (
        word in _STOPS
        or word in _WIDE_STOPS
        or (len(word) > 2 and word[-1] == "." and word[0].isalpha())
    )


def _belongs_to_end(words: list[Token], at: int) -> bool:
    """Whether a further stop or a closing quote hugs what stands before it."""
    hugs = words[at].start_char == words[at - 1].end_char
    return hugs and (
        words[at].text in _STOPS or words[at].text in _WIDE_STOPS or words[at].text in _CLOSERS
    )


def _starts_sentence(text: str, words: list[Token], first: int, stop: int, following: int) -> bool:
    before, word, after = (
        words[stop - 1] if stop > first else None,
        words[stop].text,
        words[following],
    )
    if word in _WIDE_STOPS:
        return True
    if after.start_char == words[following - 1].end_char:
        return False  # no white space: a host name, a file name, a number
    newline = "\n" in text[words[following - 1].end_char : after.start_char]
    opener = after.text in _OPENERS
    start = words[following + 1].text[0] if opener and following + 1 < len(words) else after.text[0]
    starts = start.isupper() or start.isdigit() or (start.isalpha() and not start.islower())
    if not starts and not (newline and opener):
        return False
    opens = after.text in _OPENER_WORDS
    if word != ".":
        return len(word) == 1 or opens
    if before is None or before.end_char != words[stop].start_char:
        return True  # a free-standing stop, as in tokenised text
    lower = before.text.lower()
    if len(lower) == 1 and before.text.isupper():
        return newline or opens  # an initial, or the last letter of "Ph.D."
    if lower in _LEADING or text[before.start_char - 2 : before.end_char].lower() in _LEADING:
        return False
    return lower not in _ABBREVIATIONS or opens
