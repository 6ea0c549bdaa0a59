"""Names that a sentence shortens, lengthens or bends."""

from __future__ import annotations

import pytest

from corpora.surface import find_surface, fold_words
from corpora.surface_names import find_country, find_longer, find_number_of


@pytest.mark.parametrize(
    ("text", "label", "found"),
    [
        ("It comes from the U.S. , they say", "United_States", "u.s."),
        ("An American film of 1999", "United States of America", "american"),
        ("Americans like it", "United_States", "americans"),
        ("He was a south korean painter", "South Korea", "south korean"),
        ("It comes from Italy", "Spain", None),
        ("It contains raisins", "Raisin", "raisins"),
        ("sweet potatoes are eaten", "Sweet_potato", "sweet potatoes"),
        ("an almond", "Almonds", "almond"),
        ("the boss left", "Bos", None),
        ("Olga Nikolaevna Bondareva was born", "Olga_Bondareva", "olga nikolaevna bondareva"),
        ("David Parsons edits it", "David Peter Parsons", "david parsons"),
        ("John and Mary Smith", "John Smith", None),
        ("John of the Smith", "John Smith", None),
    ],
)
def test_names_are_found_in_other_forms(text: str, label: str, found: str | None) -> None:
    words = fold_words(text)
    ends = find_surface(words, label)
    assert (None if ends is None else " ".join(words[slice(*ends)])) == found


def test_what_is_written_goes_before_what_is_bent() -> None:
    words = fold_words("The American film was shot in the United States")
    assert find_surface(words, "United States") == (7, 9)


def test_finders_find_nothing_in_no_words() -> None:
    for find in (find_country, find_number_of, find_longer):
        assert find([], "United States") is None
        assert find(["us"], "") is None
