"""Sentences from words and word offsets, for tests of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from extract.structures import Entity, Qualifier, Sentence, Span, Token, Triple

Mention: TypeAlias = tuple[int, int, str]  # first word, word after the last, type


class Words:
    """The words of one sentence, joined by blanks; makes entities and triples of them."""

    def __init__(self, text: str) -> None:
        self.tokens: list[Token] = []
        start = 0
        for word in text.split():
            self.tokens.append(Token(word, start, start + len(word)))
            start += len(word) + 1
        self.text = " ".join(text.split())

    def entity(self, mention: Mention, score: float = 1.0) -> Entity:
        start, end, label = mention
        first, last = self.tokens[start].start_char, self.tokens[end - 1].end_char
        return Entity(Span(start, end), first, last, self.text[first:last], label, score)

    def triple(
        self,
        subject: Mention,
        relation: str,
        object_: Mention,
        qualifiers: Iterable[tuple[str, Mention, float]] = (),
        score: float = 1.0,
    ) -> Triple:
        return Triple(
            self.entity(subject),
            relation,
            self.entity(object_),
            tuple(Qualifier(label, self.entity(v), score=s) for label, v, s in qualifiers),
            score=score,
        )

    def sentence(
        self, entities: Sequence[Entity] = (), triples: Sequence[Triple] = (), id: str = ""
    ) -> Sentence:
        return Sentence(tuple(self.tokens), tuple(entities), tuple(triples), id=id)
