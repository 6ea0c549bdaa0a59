"""A corpus example in tripack's own words, so that a model trains on what it will meet."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

from corpora.base import Example
from extract.encoder.words import split_words
from extract.structures import Entity, Qualifier, Span, Token


def reword(example: Example) -> Example:
    """The example with the words that `split_words` finds in its text.

    A span that does not fall on word borders grows to whole words.
    """
    sentence = example.sentence
    if not sentence.tokens:
        return example
    tokens = split_words(example.text[sentence.start_char : sentence.end_char], sentence.start_char)
    starts, ends = [t.start_char for t in tokens], [t.end_char for t in tokens]

    def move(entity: Entity) -> Entity:
        first = bisect_right(ends, entity.start_char)
        end = max(bisect_left(starts, entity.end_char), first + 1)
        return _entity(example.text, tokens, entity, first, min(end, len(tokens)))

    return replace(
        example,
        sentence=replace(
            sentence,
            tokens=tuple(tokens),
            entities=tuple(dict.fromkeys(move(e) for e in sentence.entities)),
            triples=tuple(
                replace(
                    t,
                    subject=move(t.subject),
                    object=move(t.object),
                    qualifiers=tuple(
                        Qualifier(q.label, move(q.value), q.label_id, q.score) for q in t.qualifiers
                    ),
                )
                for t in sentence.triples
            ),
        ),
    )


def _entity(text: str, tokens: list[Token], entity: Entity, first: int, end: int) -> Entity:
    start_char, end_char = tokens[first].start_char, tokens[end - 1].end_char
    return Entity(
        Span(first, end),
        start_char,
        end_char,
        text[start_char:end_char],
        entity.label,
        entity.score,
    )
