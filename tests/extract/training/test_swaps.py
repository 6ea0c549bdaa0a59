"""Copies of sentences with other names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corpora.base import Example
from extract.structures import Sentence
from extract.training.swaps import _ENOUGH, Names, swapped
from tests.extract.cases import sentence_of

PEOPLE = [f"Ann{letter} Lee" for letter in "ABCDEFGHIJ"]
PLACES = [f"{letter}vik" for letter in "ABCDEFGHIJ"]


def born(person: str, place: str) -> Sentence:
    words = [*person.split(), "was", "born", "in", *place.split()]
    n, end = len(person.split()), len(words)
    entities = [(0, n, "PER"), (n + 3, end, "LOC")]
    return sentence_of(" ".join(words), entities, [(0, "born in", 1, [])])


NAMES = Names(born(person, place) for person, place in zip(PEOPLE, PLACES, strict=True))


def copy_of(sentence: Sentence, seed: int = 0, names: Names = NAMES) -> Example | None:
    return swapped(Example(" ".join(sentence.words), sentence), names, seed)


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3))
def test_names_of_the_same_role_stand_in_their_places(
    seed: int, n_person: int, n_place: int
) -> None:
    found = copy_of(born(" ".join("PQRS"[:n_person]), " ".join("XYZ"[:n_place])), seed)
    assert found is not None
    (triple,) = found.sentence.triples
    assert triple.subject.text in PEOPLE and triple.object.text in PLACES
    assert found.text == f"{triple.subject.text} was born in {triple.object.text}"
    for entity in (triple.subject, triple.object):
        assert found.text[entity.start_char : entity.end_char] == entity.text
        assert entity in found.sentence.entities


def test_a_name_is_exchanged_wherever_it_stands() -> None:
    sentence = sentence_of(
        "Bo Ek was born in Oslo and Bo Ek left Oslo",
        [(0, 2, "PER"), (5, 6, "LOC")],
        [(0, "born in", 1, [])],
    )
    found = copy_of(sentence)
    assert found is not None
    (triple,) = found.sentence.triples
    who, where = triple.subject.text, triple.object.text
    assert found.text == f"{who} was born in {where} and {who} left {where}"


def test_names_that_share_words_stay() -> None:
    sentence = sentence_of(
        "Bo was born in New York City",
        [(0, 1, "PER"), (4, 6, "LOC"), (4, 7, "LOC")],
        [(0, "born in", 1, []), (0, "born in", 2, [])],
    )
    found = copy_of(sentence)
    assert found is not None
    assert [t.object.text for t in found.sentence.triples] == ["New York", "New York City"]
    assert {t.subject.text for t in found.sentence.triples} < set(PEOPLE)


def test_without_names_enough_there_is_no_copy() -> None:
    few = Names(born(p, q) for p, q in zip(PEOPLE[: _ENOUGH - 1], PLACES, strict=False))
    assert copy_of(born("Bo Ek", "Oslo"), names=few) is None


def test_copies_depend_on_the_seed_alone() -> None:
    sentence = born("Bo Ek", "Oslo")
    assert copy_of(sentence, 1) == copy_of(sentence, 1)
    assert len({copy_of(sentence, seed).text for seed in range(9)}) > 1  # type: ignore[union-attr]
