"""Drafts: blank tokens, repeated entities and triples, characters to words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.build import Draft, UniqueIds, contexts, find_words, words_of_chars
from corpora.files import Place
from extract.encoder.words import split_words
from extract.errors import CorpusError
from extract.structures import Qualifier

PLACE = Place("file.json", 3)


@given(
    st.lists(st.sampled_from(["", " ", "\xa0", "\n\n", "Oslo", "a b", "é"]), max_size=9), st.data()
)
def test_blank_tokens_are_dropped_and_spans_still_cover_their_words(
    words: list[str], data: st.DataObject
) -> None:
    kept = [word for word in words if word.strip()]
    if not kept:
        with pytest.raises(CorpusError, match="line 3: expected at least one word"):
            Draft.of_tokens(words, PLACE)
        return
    draft = Draft.of_tokens(words, PLACE)
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    covered = [word for word in words[start:end] if word.strip()]
    entity = draft.entity(start, end, "T")
    example = draft.finish("s")
    assert example.text == " ".join(kept)
    assert example.sentence.words == kept
    assert example.changes.dropped_tokens == len(words) - len(kept)
    if covered:
        assert entity is not None and entity.text == " ".join(covered)
        assert example.text[entity.start_char : entity.end_char] == entity.text
    else:
        assert entity is None and example.changes.dropped_entities == 1


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (1, 1), (2, 1), (0, 4), (3, 4)])
def test_entity_outside_the_sentence_is_refused(start: int, end: int) -> None:
    draft = Draft.of_tokens(["a", "b", "c"], PLACE)
    with pytest.raises(CorpusError, match=f"within the 3 tokens.*got tokens {start} to {end} "):
        draft.entity(start, end, "T")


def test_equal_entities_are_kept_once_other_labels_beside_them() -> None:
    draft = Draft.of_tokens(["a", "b"], PLACE)
    first = draft.entity(0, 1, "T")
    assert draft.entity(0, 1, "T") is first
    draft.entity(0, 1, "U")
    example = draft.finish("s")
    assert [e.label for e in example.sentence.entities] == ["T", "U"]
    assert example.changes.merged_entities == 1


def test_equal_triples_are_merged_and_their_qualifiers_united() -> None:
    draft = Draft.of_tokens(["a", "b", "c", "d"], PLACE)
    a, b, c, d = (draft.mention(i, i + 1, "T") for i in range(4))
    draft.triple(a, "r", b, [Qualifier("k", c)], "P1")
    draft.triple(a, "r", b, [Qualifier("k", c), Qualifier("k", d)])
    draft.triple(b, "r", a)
    example = draft.finish("s")
    assert [len(t.qualifiers) for t in example.sentence.triples] == [2, 0]
    assert example.sentence.triples[0].relation_id == "P1"
    assert example.changes.merged_triples == 1


def test_entity_of_chars_is_widened_to_whole_words_and_counted() -> None:
    text = "the factory's gate"
    draft = Draft(text, split_words(text), PLACE)
    entity = draft.entity_of_chars(6, 9, "T")
    whole = draft.entity_of_chars(14, 18, "T")
    assert entity is not None and entity.text == "factory"
    assert whole is not None and whole.text == "gate"
    assert draft.entity_of_chars(3, 4, "T") is None  # a space
    changes = draft.finish("s").changes
    assert (changes.expanded_entities, changes.dropped_entities) == (1, 1)
    with pytest.raises(CorpusError, match="within the 18 characters of the text, got 14 to 19"):
        draft.entity_of_chars(14, 19, "T")


@given(st.text(alphabet="ab .é", max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_words_of_chars_agrees_with_a_scan(text: str, start: int, end: int) -> None:
    tokens = split_words(text)
    touched = [i for i, t in enumerate(tokens) if max(t.start_char, start) < min(t.end_char, end)]
    expected = (touched[0], touched[-1] + 1) if touched else None
    if start < end:
        assert words_of_chars(tokens, start, end) == expected


@given(st.lists(st.sampled_from("ab"), max_size=8), st.lists(st.sampled_from("ab"), max_size=3))
def test_find_words_gives_the_first_place(words: list[str], wanted: list[str]) -> None:
    n = len(wanted)
    places = [i for i in range(len(words) - n + 1) if n and words[i : i + n] == wanted]
    assert find_words(words, wanted) == ((places[0], places[0] + n) if places else None)


def test_contexts_hold_the_nearest_words_of_the_other_sentences() -> None:
    sentences = [["a", "b"], ["c", " "], ["d", "e", "f"]]
    assert contexts(sentences, 2) == [
        ([], ["c", "d"]),
        (["a", "b"], ["d", "e"]),
        (["b", "c"], []),
    ]


def test_unique_ids_number_repetitions() -> None:
    unique = UniqueIds()
    assert [unique(id) for id in ("a", "a", "b", "a", "a#2")] == ["a", "a#2", "b", "a#3", "a#2#2"]
