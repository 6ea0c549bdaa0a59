"""Hand-built sentences and random word strategies shared by the core tests."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from extract.structures import Entity, Qualifier, Sentence, Span, Token, Triple

# (subject, relation, object, [(qualifier label, value)]): ends are places in the entity list.
TripleSpec = tuple[int, str, int, Sequence[tuple[str, int]]]


def tokens_of(words: Sequence[str]) -> tuple[Token, ...]:
    """The words, one space apart."""
    tokens, at = [], 0
    for word in words:
        tokens.append(Token(word, at, at + len(word)))
        at += len(word) + 1
    return tuple(tokens)


def sentence_of(
    text: str,
    entities: Sequence[tuple[int, int, str]] = (),
    triples: Sequence[TripleSpec] = (),
    ids: dict[str, str] | None = None,
) -> Sentence:
    """A sentence of the words of `text`, with entities (start, end, label) and triples over them."""
    ids = ids or {}
    tokens = tokens_of(text.split(" "))
    mentions = [
        Entity(
            Span(start, end),
            tokens[start].start_char,
            tokens[end - 1].end_char,
            text[tokens[start].start_char : tokens[end - 1].end_char],
            label,
        )
        for start, end, label in entities
    ]
    return Sentence(
        tokens,
        tuple(mentions),
        tuple(
            Triple(
                mentions[subject],
                relation,
                mentions[object_],
                tuple(Qualifier(label, mentions[value], ids.get(label)) for label, value in values),
                ids.get(relation),
            )
            for subject, relation, object_, values in triples
        ),
    )


def key(sentence: Sentence) -> tuple[object, ...]:
    """What a sentence says, without scores and without order."""
    return (
        frozenset((e.span, e.label) for e in sentence.entities),
        frozenset(
            (
                t.subject.span,
                t.relation,
                t.object.span,
                frozenset((q.label, q.value.span) for q in t.qualifiers),
            )
            for t in sentence.triples
        ),
    )


# Any text Python can hold and write as UTF-8, with the characters that break splitters made likely.
ODD = (
    " \t\n\r\x0b\x0c\x85\u00a0\u2028\u2029\u3000"  # white space
    "\x00\x1c\u00ad\u200b\u200c\u200d\u2060\ufeff\u202e"  # control and format characters
    "\u0301\u0308\u093f\u0e31\ufe0f\u20e3"  # marks without a base of their own
    ".,!?。…'\"’-_@#/1٣½Ⅷ²"
    "AaßǅЖяאبकกຮ東あアー한𝒳😀👩🇩\U0001f3fd\ue000\U000e0001"
)
any_text = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=("Cs",))))
