"""Words by Unicode script: coverage and offsets for any text, and cases by script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings

from extract.encoder.words import iter_words, split_words
from tests.extract.cases import any_text


@given(any_text)
@settings(max_examples=1000)
def test_every_visible_character_is_in_exactly_one_word(text: str) -> None:
    words = split_words(text)
    covered = [0] * len(text)
    end = 0
    for word in words:
        assert end <= word.start_char < word.end_char <= len(text)  # increasing, never overlapping
        assert text[word.start_char : word.end_char] == word.text
        assert not any(c.isspace() for c in word.text)
        end = word.end_char
        for at in range(word.start_char, word.end_char):
            covered[at] += 1
    for character, times in zip(text, covered, strict=True):
        if not character.isspace() and unicodedata.category(character)[0] != "C":
            assert times == 1, f"U+{ord(character):04X} is in {times} words"


@given(any_text)
def test_words_have_something_to_read_and_offsets_shift(text: str) -> None:
    words = split_words(text)
    for word in words:
        assert any(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in word.text)
    shifted = split_words(text, 7)
    assert [(w.start_char + 7, w.end_char + 7, w.text) for w in words] == [
        (w.start_char, w.end_char, w.text) for w in shifted
    ]


CASES = {
    "words and punctuation": ("Hello, world!", "Hello|,|world|!"),
    "apostrophes": ("don't Anna’s", "don|'|t|Anna|’|s"),
    "hyphens": ("well-known", "well|-|known"),
    "numbers": ("1,250.5 12:30 3.5% -7", "1,250.5|12:30|3.5|%|-|7"),
    "number before a stop": ("In 1967. Then", "In|1967|.|Then"),
    "ordinals and decades": ("1st 22nd 3rd 16th 1990s", "1st|22nd|3rd|16th|1990s"),
    "letters after digits": ("34km 16these", "34|km|16|these"),
    "acronyms": ("U.S. J.R.R. Tolkien", "U.S.|J.R.R.|Tolkien"),
    "one initial": ("W. Bush", "W|.|Bush"),
    "lower-case abbreviation": ("e.g. this", "e|.|g|.|this"),
    "money": ("$40 €1.2", "$|40|€|1.2"),
    "underscores and addresses": ("a_b@c.de", "a|_|b|@|c|.|de"),
    "composed and decomposed": ("café cafe\u0301", "café|cafe\u0301"),
    "Greek and Cyrillic": ("Αθήνα Москва", "Αθήνα|Москва"),
    "a change of script ends a word": ("Москваcity", "Москва|city"),
    "Han": ("東京都2020年", "東|京|都|2020|年"),
    "kana": ("アメリカです", "ア|メ|リ|カ|で|す"),
    "kana with a combining voice mark": ("か\u3099く", "か\u3099|く"),
    "Hangul": ("서울은 수도", "서울은|수도"),
    "Thai with marks": ("ที่ดี", "ที่|ดี"),
    "Arabic with marks": ("مُحَمَّد في", "مُحَمَّد|في"),
    "Persian zero-width non-joiner": ("می\u200cخواهم", "می\u200cخواهم"),
    "Arabic digits": ("١٩٦٧م", "١٩٦٧|م"),
    "Hebrew": ("שלום עולם", "שלום|עולם"),
    "Devanagari with marks": ("हिंदी में", "हिंदी|में"),
    "Devanagari conjunct with joiner": ("क्\u200dष", "क्\u200dष"),
    "Tamil": ("தமிழ்", "தமிழ்"),
    "emoji": ("ok 😀!", "ok|😀|!"),
    "emoji with variation selector": ("❤\ufe0f x", "❤\ufe0f|x"),
    "roman numeral signs": ("Ⅷ ½", "Ⅷ|½"),
    "a mark alone": ("\u0301", "\u0301"),
    "zero-width space parts words": ("a\u200bb", "a|b"),
    "soft hyphen parts words": ("co\u00adop", "co|op"),
    "byte-order mark": ("\ufeffHi", "Hi"),
    "private use": ("\ue000", "\ue000"),
    "NUL": ("a\x00b", "a|b"),
    "mathematical letters": ("𝒳𝒴", "𝒳𝒴"),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_words_of(text: str, expected: str) -> None:
    assert [word.text for word in split_words(text)] == expected.split("|")


def test_emoji_sequence_loses_no_visible_character() -> None:
    family = "👩\u200d👩\u200d👧"
    words = split_words(f"the {family} left")
    assert words[0].text == "the"
    assert words[-1].text == "left"
    assert "".join(word.text for word in words[1:-1]) == family


@pytest.mark.parametrize(
    "text", ["", " \t\n", "\u200b\ufeff\u200e", "\x00\x01\x1f", "\u3000\u2029"]
)
def test_nothing_visible_gives_no_words(text: str) -> None:
    assert split_words(text) == []


@pytest.mark.parametrize(
    "pattern",
    ["A", "A.", "A.a", "1", "1,", "1.1st", "a\u0301", "\u200d", " ", "東", ".", "1a", "👩\u200d"],
)
def test_a_megabyte_of_one_pattern_finishes(pattern: str) -> None:
    text = pattern * (1_000_000 // len(pattern))
    words = split_words(text)
    assert sum(len(word.text) for word in words) <= len(text)
    assert words or pattern in (" ", "\u200d")


@given(any_text)
def test_words_of_a_part_are_those_of_all_and_share_strings(text: str) -> None:
    text = text + " " + text
    words = list(iter_words(text, 0, len(text)))
    assert words == split_words(text)
    assert len({id(word.text) for word in words}) == len({word.text for word in words})
