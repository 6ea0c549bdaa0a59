from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.kg.surface import (
    compatible,
    may_name,
    names_one_person,
    normalised,
    without_accents,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The United  States", "united states"),
        ("U.S.", "us"),
        ("C++", "c++"),
        ("C#", "c#"),
        ("(C)", "c"),
        ("Disney+, Inc.", "disney+ inc"),
        ("x + y", "x y"),
        ("-1", "-1"),
        ("+1", "+1"),
        ("COVID-19", "covid 19"),
        ("#1", "1"),
        ("U.S", "us"),
        ("U.S.A.'s", "usa"),
        ("Yahoo!", "yahoo"),
        ("Côte d’Ivoire", "côte divoire"),
        ("O'Brien", "obrien"),
        ("San-Francisco", "san francisco"),
        ("ＡＢＣ", "abc"),
        ("Straße", "strasse"),
        ("!!!", "!!!"),
        ("The", "the"),
        ("The The", "the"),
        ("A", "a"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_normalised_drops_what_does_not_tell_names_apart(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_normalised_legal_forms_go_from_organisations_only() -> None:
    assert normalised("Apple Inc.", organisation=True) == "apple"
    assert normalised("Foo Co., Ltd.", organisation=True) == "foo"
    assert normalised("Company", organisation=True) == "company"
    assert normalised("Apple Inc.") == "apple inc"


def test_normalised_titles_go_from_persons_only() -> None:
    assert normalised("Dr. J.K. Smith", person=True) == "j k smith"
    assert normalised("Sir", person=True) == "sir"
    assert normalised("Dr. Pepper") == "dr pepper"


@settings(deadline=None)
@given(st.text(max_size=20), st.booleans(), st.booleans())
def test_normalised_is_never_empty_and_case_does_not_matter(
    text: str, organisation: bool, person: bool
) -> None:
    found = normalised(text, organisation=organisation, person=person)
    assert (found != "") == (text != "")
    assert found == normalised(f" {text.casefold()} " if text.strip() else text,
                               organisation=organisation, person=person)  # fmt: skip


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        ("john smith", True), ("smith", False), ("j smith", False), ("j k rowling", True),
        ("van gogh", False), ("vincent van gogh", True), ("毛泽东", True), ("madonna", False),
    ],
)  # fmt: skip
def test_names_one_person_needs_more_than_a_surname(surface: str, expected: bool) -> None:
    assert names_one_person(surface) is expected


@pytest.mark.parametrize(
    ("short", "full", "expected"),
    [
        ("smith", "john smith", True),
        ("john", "john smith", True),
        ("j smith", "john smith", True),
        ("john smith", "j smith", False),
        ("john smith", "john paul smith", True),
        ("john smith", "john smith", False),
        ("smith john", "john smith", False),
        ("k smith", "john smith", False),
        ("jon smith", "john smith", False),
    ],
)
def test_may_name_words_stand_in_order(short: str, full: str, expected: bool) -> None:
    assert may_name(short, full) is expected


def test_without_accents_keeps_the_letters() -> None:
    assert without_accents("mediaș durán") == "medias duran"
    assert without_accents("パリ") != without_accents("バリ")  # Paris, Bali
    assert without_accents("ガス") != without_accents("カス")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("１２ ＫＭ", "12 KM"), ("3 x 10⁸", "3 x 10⁸"), ("1½ ﬁsh", "1½ fish"), ("CO₂", "CO₂"),
        ("①", "①"), ("e\u0301", "é"), ("", ""),
    ],
)  # fmt: skip
def test_compatible_keeps_what_means_another_thing_by_its_place(text: str, expected: str) -> None:
    assert compatible(text) == expected
