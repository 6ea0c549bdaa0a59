"""The data model: half-open spans, exact offsets, scores out of equality."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.structures import Document, Entity, Qualifier, Sentence, Span, Token, Triple
from tests.extract.cases import sentence_of

offsets = st.integers(-5, 12)


@given(offsets, offsets)
def test_span_bad_order_names_both_numbers(start: int, end: int) -> None:
    if 0 <= start < end:
        assert len(Span(start, end)) == end - start
        return
    with pytest.raises(ValueError, match=re.escape(f"got {start} and {end}.")) as caught:
        Span(start, end)
    assert "half-open" in str(caught.value)


@given(offsets, offsets)
def test_token_and_entity_check_character_order(start: int, end: int) -> None:
    if 0 <= start < end:
        text = "x" * (end - start)
        assert Token(text, start, end).end_char == end
        assert Entity(Span(0, 1), start, end, text, "A").start_char == start
        return
    for build in (
        lambda: Token("x", start, end),
        lambda: Entity(Span(0, 1), start, end, "x", "A"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"end_char, got {start} and {end}.")):
            build()


spans = st.builds(lambda a, n: Span(a, a + n), st.integers(0, 8), st.integers(1, 5))


@given(spans, spans)
def test_span_overlap_and_containment_agree_with_sets_of_words(a: Span, b: Span) -> None:
    in_a, in_b = (set(range(s.start_word, s.end_word)) for s in (a, b))
    assert a.overlaps(b) == bool(in_a & in_b)
    assert a.contains(b) == (in_b <= in_a)


@given(st.floats(allow_nan=True))
def test_score_outside_unit_interval_is_refused_with_its_value(score: float) -> None:
    build = lambda: Entity(Span(0, 1), 0, 1, "x", "A", score)  # noqa: E731
    if 0 <= score <= 1:
        assert build().score == score
    else:
        with pytest.raises(ValueError, match=re.escape(f"got {score}. Scores are probabilities")):
            build()


def test_scores_stay_out_of_equality_and_hash() -> None:
    one = Entity(Span(0, 1), 0, 1, "x", "A", 0.1)
    two = replace(one, score=0.9)
    assert one == two
    assert hash(one) == hash(two)
    assert Qualifier("q", one, score=0.2) == Qualifier("q", two, score=0.3)
    assert Triple(one, "r", two, score=0.2) == Triple(two, "r", one, score=0.7)
    assert len({Triple(one, "r", two, score=0.2), Triple(one, "r", two, score=0.3)}) == 1
    assert one != replace(one, label="B")


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan")])
def test_qualifier_and_triple_check_scores(score: float) -> None:
    entity = Entity(Span(0, 1), 0, 1, "x", "A")
    with pytest.raises(ValueError, match="Scores are probabilities"):
        Qualifier("q", entity, score=score)
    with pytest.raises(ValueError, match="Scores are probabilities"):
        Triple(entity, "r", entity, score=score)


def test_entity_text_of_another_length_names_both_lengths() -> None:
    with pytest.raises(ValueError, match=r"text of 3 characters for offsets 4-7, got 2: 'ab'"):
        Entity(Span(0, 1), 4, 7, "ab", "A")


def test_sentence_entity_beyond_its_words_names_both_counts() -> None:
    entity = Entity(Span(1, 3), 2, 5, "b c", "A")
    with pytest.raises(ValueError, match=r"ends at word 3 of sentence 's', which has 2 words"):
        Sentence(sentence_of("a b").tokens, (entity,), id="s")


def test_sentence_entity_off_its_words_names_both_ranges() -> None:
    entity = Entity(Span(0, 1), 2, 3, "b", "A")
    with pytest.raises(
        ValueError, match=r"covers words 0-1, which are characters 0-1, but it says 2-3"
    ):
        Sentence(sentence_of("a b").tokens, (entity,))


def test_document_entity_that_is_not_its_text_shows_both() -> None:
    sentence = sentence_of("one two", [(1, 2, "A")])
    with pytest.raises(ValueError, match=r"'two' at characters 4-7 .* the text there is 'twa'"):
        Document("one twa", (sentence,))


def test_values_cannot_be_changed() -> None:
    for value, name in (
        (Span(0, 1), "start_word"),
        (sentence_of("a"), "id"),
        (Token("a", 0, 1), "text"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 3)


words = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=5)


@given(st.lists(st.tuples(words, st.integers(1, 3)), min_size=1, max_size=8), st.data())
def test_surface_keeps_gaps_and_lengths(parts: list[tuple[str, int]], data: st.DataObject) -> None:
    tokens, at = [], 0
    for word, gap in parts:
        tokens.append(Token(word, at, at + len(word)))
        at += len(word) + gap
    text = "".join(word + " " * gap for word, gap in parts)
    start = data.draw(st.integers(0, len(tokens) - 1))
    span = Span(start, data.draw(st.integers(start + 1, len(tokens))))
    sentence = Sentence(tuple(tokens))
    first, last = tokens[span.start_word].start_char, tokens[span.end_word - 1].end_char
    assert sentence.surface(span) == text[first:last]
    assert (sentence.start_char, sentence.end_char) == (0, tokens[-1].end_char)


def test_sentence_without_words_stands_at_zero() -> None:
    assert (Sentence(()).start_char, Sentence(()).end_char, len(Sentence(()))) == (0, 0, 0)


def test_document_as_dict_has_the_documented_fields_and_survives_json() -> None:
    text = "Leonard Parker left Harvard in 1967 ."
    sentence = sentence_of(
        text,
        [(0, 2, "PER"), (3, 4, "ORG"), (5, 6, "TIME")],
        [(0, "educated at", 1, [("end time", 2)])],
        {"educated at": "P69", "end time": "P582"},
    )
    sentence = replace(
        sentence, triples=(replace(sentence.triples[0], sentence=(0, 37), score=0.93456),)
    )
    data = Document(text, (sentence,), "doc-7", "tiny 1.0.0").to_dict()
    assert json.loads(json.dumps(data)) == {
        "id": "doc-7",
        "text": text,
        "entities": [
            {"text": "Leonard Parker", "start": 0, "end": 14, "label": "PER", "score": 1.0},
            {"text": "Harvard", "start": 20, "end": 27, "label": "ORG", "score": 1.0},
            {"text": "1967", "start": 31, "end": 35, "label": "TIME", "score": 1.0},
        ],
        "triples": [
            {
                "subject": {"text": "Leonard Parker", "start": 0, "end": 14, "label": "PER"},
                "relation": "educated at",
                "relation_id": "P69",
                "object": {"text": "Harvard", "start": 20, "end": 27, "label": "ORG"},
                "qualifiers": [
                    {
                        "label": "end time",
                        "label_id": "P582",
                        "value": {"text": "1967", "start": 31, "end": 35, "label": "TIME"},
                        "score": 1.0,
                    }
                ],
                "score": 0.9346,
                "sentence": [0, 37],
            }
        ],
        "model": "tiny 1.0.0",
    }
