"""Corpus examples in tripack's own words: offsets stay exact, spans grow to whole words."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.base import Example
from extract.encoder.words import split_words
from extract.structures import Document, Entity, Qualifier, Sentence, Span, Token, Triple
from extract.training.rewords import reword
from tests.extract.cases import any_text


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """A text with a corpus's own, arbitrary tokens: any cuts that are not white space alone."""
    text = draw(any_text.filter(lambda t: bool(split_words(t))))
    cuts = draw(st.sets(st.integers(0, len(text)), max_size=12)) | {0, len(text)}
    bounds = sorted(cuts)
    tokens = [
        Token(text[a:b], a, b) for a, b in itertools.pairwise(bounds) if split_words(text[a:b])
    ]

    def entity() -> Entity:
        start = draw(st.integers(0, len(tokens) - 1))
        end = draw(st.integers(start + 1, len(tokens)))
        first, last = tokens[start].start_char, tokens[end - 1].end_char
        return Entity(Span(start, end), first, last, text[first:last], draw(st.sampled_from("AB")))

    entities = tuple(entity() for _ in range(draw(st.integers(1, 4))))
    some = st.sampled_from(entities)
    triples = tuple(
        Triple(draw(some), "r", draw(some), (Qualifier("q", draw(some), "P1"),), "P2")
        for _ in range(draw(st.integers(0, 2)))
    )
    return Example(text, Sentence(tuple(tokens), entities, triples, id="s", doc_id="d"))


@given(examples())
@settings(max_examples=300, deadline=None)
def test_reworded_offsets_are_exact_and_cover_what_they_covered(example: Example) -> None:
    found = reword(example)
    sentence, text = found.sentence, found.text
    assert text == example.text
    Document(text, (sentence,))  # checks each entity's text against its offsets
    first, last = example.sentence.start_char, example.sentence.end_char
    assert list(sentence.tokens) == split_words(text[first:last], first)
    old = [*example.sentence.entities]
    moved = {(e.start_char, e.end_char, e.label) for e in sentence.entities}
    for entity in old:
        # The smallest run of words that holds every visible character of the old span.
        inside = [
            t
            for t in sentence.tokens
            if t.end_char > entity.start_char and t.start_char < entity.end_char
        ]
        assert (inside[0].start_char, inside[-1].end_char, entity.label) in moved
    assert len(sentence.triples) == len(example.sentence.triples)
    for triple in sentence.triples:
        for end in (triple.subject, triple.object, triple.qualifiers[0].value):
            assert end in sentence.entities
        assert (triple.relation_id, triple.qualifiers[0].label_id) == ("P2", "P1")


def test_span_inside_a_word_grows_and_equal_entities_become_one() -> None:
    text = "the pro-Oslo camp"
    tokens = tuple(Token(text[a:b], a, b) for a, b in ((0, 3), (4, 6), (6, 12), (13, 17)))
    entities = (Entity(Span(1, 2), 4, 6, "pr", "A"), Entity(Span(1, 3), 4, 12, "pro-Oslo", "A"))
    found = reword(Example(text, Sentence(tokens, entities))).sentence
    assert found.words == ["the", "pro", "-", "Oslo", "camp"]
    assert [(e.text, e.span) for e in found.entities] == [
        ("pro", Span(1, 2)),
        ("pro-Oslo", Span(1, 4)),
    ]


def test_sentence_without_words_stays() -> None:
    example = Example("", Sentence(()))
    assert reword(example) is example


def test_entity_without_a_word_is_dropped_counted_and_its_triple_unaligned() -> None:
    text = "Ann left \u200b"
    tokens = tuple(Token(text[a:b], a, b) for a, b in ((0, 3), (4, 8), (9, 10)))
    ann, nothing = Entity(Span(0, 1), 0, 3, "Ann", "A"), Entity(Span(2, 3), 9, 10, "\u200b", "A")
    triples = (
        Triple(ann, "r", nothing),
        Triple(ann, "s", ann, (Qualifier("q", nothing), Qualifier("p", ann))),
    )
    found = reword(Example(text, Sentence(tokens, (ann, nothing), triples)))
    assert found.sentence.words == ["Ann", "left"]
    assert found.sentence.entities == (ann,)
    (triple,) = found.sentence.triples
    assert (triple.relation, [q.label for q in triple.qualifiers]) == ("s", ["p"])
    assert found.unaligned == (("Ann", "r", "\u200b"),)
    assert found.changes.dropped_entities == 1
