"""A corpus example in tripack's own words, so that a model trains on what it will meet."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

from corpora.base import Changes, Example
from extract.encoder.words import split_words
from extract.structures import Entity, Span, Token


def reword(example: Example) -> Example:
    """The example with the words that `split_words` finds in its text.

    A span that does not fall on word borders grows to whole words. An entity of control and format
    characters alone holds no word: it is dropped and counted, and its triples count as unaligned.
    """
    sentence = example.sentence
    if not sentence.tokens:
        return example
    tokens = split_words(example.text[sentence.start_char : sentence.end_char], sentence.start_char)
    starts, ends = [t.start_char for t in tokens], [t.end_char for t in tokens]

    def move(entity: Entity) -> Entity | None:
        first = bisect_right(ends, entity.start_char)
        end = bisect_left(starts, entity.end_char)
        return _entity(example.text, tokens, entity, first, end) if first < end else None

    moved = [move(entity) for entity in sentence.entities]
    triples, unaligned = [], list(example.unaligned)
    for triple in sentence.triples:
        subject, object_ = move(triple.subject), move(triple.object)
        if subject is None or object_ is None:
            unaligned.append((triple.subject.text, triple.relation, triple.object.text))
            continue
        values = [(qualifier, move(qualifier.value)) for qualifier in triple.qualifiers]
        qualifiers = tuple(replace(q, value=value) for q, value in values if value is not None)
        triples.append(replace(triple, subject=subject, object=object_, qualifiers=qualifiers))
    dropped = Changes(dropped_entities=moved.count(None))
    return replace(
        example,
        sentence=replace(
            sentence,
            tokens=tuple(tokens),
            entities=tuple(dict.fromkeys(entity for entity in moved if entity is not None)),
            triples=tuple(triples),
        ),
        unaligned=tuple(unaligned),
        changes=example.changes + dropped,
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
