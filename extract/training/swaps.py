"""Copies of sentences with other names in them, so that a model learns what stands around names.

Dai and Adel 2020, An Analysis of Simple Data Augmentation for Named Entity Recognition (mention replacement).
Differs from the paper: a name is exchanged for one that stands at the same end of the same relation
elsewhere, not for one of the same type, which small ontologies seldom tell; and wherever it stands.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from corpora.base import Example
from extract.encoder.words import split_words
from extract.structures import Entity, Qualifier, Sentence, Span, Token, Triple

Role = tuple[str, bool]  # a relation, and whether the name is its subject
Words = tuple[str, ...]
_ENOUGH = 8  # names that a role must have to be told apart from those of rarer, closer roles


class Names:
    """The names of a corpus by the roles that they have in it."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        found: dict[Role, dict[Words, None]] = defaultdict(dict)
        for sentence in sentences:
            for role, entity in _roles(sentence):
                found[role][tuple(t.text for t in split_words(entity.text))] = None
        self._of = {role: list(names) for role, names in found.items()}

    def other(self, roles: Sequence[Role], draw: random.Random) -> Words | None:
        """A name drawn from those of the rarest of the roles that has enough; None if none has."""
        enough = [names for role in roles if len(names := self._of.get(role, [])) >= _ENOUGH]
        return draw.choice(min(enough, key=len)) if enough else None


def swapped(example: Example, names: Names, seed: int) -> Example | None:
    """A copy of an example whose names are others; None if none could be exchanged.

    Names that share a word with another one stay. The words of the copy are joined by one space.
    """
    sentence = example.sentence
    draw = random.Random(f"{seed} {sentence.id}")
    roles: dict[Span, list[Role]] = defaultdict(list)
    for role, entity in _roles(sentence):
        roles[entity.span].append(role)
    spans = {entity.span for entity in sentence.entities}
    words = [token.text for token in sentence.tokens]
    new: dict[Words, Words] = {}
    for span in sorted(roles):
        if not _stands_alone(span, spans):
            continue
        own = tuple(words[span.start_word : span.end_word])
        found = names.other(roles[span], draw)
        if found is not None and own not in new:
            new[own] = found
    if not new:
        return None
    copied = _rebuilt(sentence, words, spans, new)
    return replace(example, text=" ".join(copied.words), sentence=copied)


def _roles(sentence: Sentence) -> Iterable[tuple[Role, Entity]]:
    for triple in sentence.triples:
        yield (triple.relation, True), triple.subject
        yield (triple.relation, False), triple.object


def _stands_alone(span: Span, spans: set[Span]) -> bool:
    return not any(span != other and span.overlaps(other) for other in spans)


def _rebuilt(
    sentence: Sentence, words: list[str], spans: set[Span], new: dict[Words, Words]
) -> Sentence:
    """The sentence with the names exchanged, at marked spans and wherever else they stand."""
    inside = {at for span in spans for at in range(span.start_word, span.end_word)}
    ends = {span.start_word: span.end_word for span in spans if _stands_alone(span, spans)}
    longest = sorted(new, key=len, reverse=True)
    place = [0]  # old word offset to new
    out: list[str] = []
    at = 0
    while at < len(words):
        end = ends.get(at)
        if end is None and at not in inside:
            hits = (at + len(n) for n in longest if tuple(words[at : at + len(n)]) == n)
            end = next((e for e in hits if not inside & set(range(at, e))), None)
        old = tuple(words[at : end or at + 1])
        exchanged = new.get(old, old) if end is not None else old
        out += exchanged
        if exchanged is old or exchanged == old:
            place += range(len(out) - len(old) + 1, len(out) + 1)
        else:  # borders within an exchanged name are none of any span's
            place += [len(out)] * len(old)
        at += len(old)
    return _moved(sentence, out, place)


def _moved(sentence: Sentence, words: list[str], place: list[int]) -> Sentence:
    tokens, at = [], 0
    for word in words:
        tokens.append(Token(word, at, at + len(word)))
        at += len(word) + 1
    text = " ".join(words)

    def move(entity: Entity) -> Entity:
        span = Span(place[entity.span.start_word], place[entity.span.end_word])
        first, last = tokens[span.start_word].start_char, tokens[span.end_word - 1].end_char
        return replace(entity, span=span, start_char=first, end_char=last, text=text[first:last])

    def moved(triple: Triple) -> Triple:
        qualifiers = tuple(Qualifier(q.label, move(q.value), q.label_id) for q in triple.qualifiers)
        return replace(
            triple,
            subject=move(triple.subject),
            object=move(triple.object),
            qualifiers=qualifiers,
            sentence=(0, len(text)),
        )

    return replace(
        sentence,
        tokens=tuple(tokens),
        entities=tuple(move(entity) for entity in sentence.entities),
        triples=tuple(moved(triple) for triple in sentence.triples),
    )
