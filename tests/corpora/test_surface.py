"""The forms in which a sentence may write a name or value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.surface import find_surface, fold, fold_words, forms


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        ("Alba_Iulia", ["Alba Iulia"]),
        ('"Universitas Apulensis"', ["Universitas Apulensis"]),
        ('"610"^^xsd:integer', ["610"]),
        ('"Torvik"@nn', ["Torvik"]),
        ("Turn_Me_On_(album)", ["Turn Me On (album)", "Turn Me On"]),
        ("(I)", ["(I)"]),
        ("4000.0", ["4000.0", "4000"]),
        ("7.0 (kilograms)", ["7.0 (kilograms)", "7.0", "7"]),
        ("Alpharetta,_Georgia", ["Alpharetta, Georgia", "Alpharetta"]),
        ('"1983-10-03"', ["1983-10-03", "3 October 1983", "October 3, 1983"]),
        ("1983-13-03", ["1983-13-03"]),
        ("07 July 1983", ["07 July 1983", "7 July 1983", "July 7, 1983"]),
        ("01 January 1999", ["01 January 1999", "1 January 1999", "January 1, 1999", "1999"]),
    ],
)
def test_forms_go_from_literal_to_loose(surface: str, expected: list[str]) -> None:
    assert list(forms(surface)) == expected


@pytest.mark.parametrize(
    ("sentence", "surface", "found"),
    [
        ("Bleach: Hell Verse is a film.", "Bleach : Hell Verse", (0, 4)),
        ("Gerard Larcher leads.", "Gérard_Larcher", (0, 2)),
        ("The Adolfo Suarez–Barajas airport", "Adolfo_Suárez-Barajas", (1, 5)),
        ("Mermaid (song) by Train", "Mermaid_(song)", (0, 4)),
        ("Mermaid by Train", "Mermaid_(song)", (0, 1)),
        ("It opened on October 3, 1983.", "1983-10-03", (3, 7)),
        ("Its poet J.R.R. Vik wrote", "J._R._R._Vik", (2, 4)),
        ("AC Torvik plays", "A.C._Torvik", (0, 2)),
        ("Born on the 3rd of October, 1983.", "1983-10-03", (3, 8)),
        ("Opened 3 Oct 1983", "03 October 1983", (1, 4)),
        ("Opened 03/10/1983", "1983-10-03", (1, 6)),
        ("Opened 4 October 1983", "1983-10-03", None),
        ("Opened 3 November 1983", "1983-10-03", None),
        ("Opened on 3 wet days in October 1983", "1983-10-03", None),
        ("It covers 1,972,550 acres", "1972550.0", (2, 3)),
        ("It is 83.2 metres high", "83.2104", (2, 3)),
        ("It is 83.3 metres high", "83.2104", None),
        ("It is 8 metres high", "8.2104", None),
        ("Room 70", "7.0", None),
        ("They speak Spanish", "Spanish_language", (2, 3)),
        ("Nothing here", "Oslo", None),
        ("Nothing here", "", None),
    ],
)
def test_find_surface(sentence: str, surface: str, found: tuple[int, int] | None) -> None:
    assert find_surface(fold_words(sentence), surface) == found


@given(st.text(max_size=20))
def test_fold_never_empties_a_word(text: str) -> None:
    assert all(fold_words(text))
    assert not text or fold(text)


@given(st.text(max_size=30))
def test_forms_of_any_text_end(text: str) -> None:
    assert 1 <= len(list(forms(text))) <= 6
