"""Sentence rules: no word is lost, and hand cases."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.encoder.sentences import MAX_WORDS, in_context, iter_sentences, split_sentences
from extract.encoder.words import iter_words, split_words
from tests.extract.cases import any_text, tokens_of


@given(any_text)
@settings(max_examples=500)
def test_sentences_hold_all_words_in_order(text: str) -> None:
    sentences = split_sentences(text)
    assert all(sentences)  # none is empty
    words = [word for sentence in sentences for word in sentence]
    for word in words:
        assert text[word.start_char : word.end_char] == word.text
    if not any(c in text for c in "\n\u2029\x1c\x1d"):  # one paragraph: words as they are
        assert words == split_words(text)
    # Across paragraphs a word is never shared, and no visible character is lost.
    joined = "".join(word.text for word in words)
    assert joined == "".join(word.text for word in split_words(text))


@given(any_text, any_text)
def test_a_blank_line_parts_paragraphs(one: str, two: str) -> None:
    ones = split_sentences(one)
    both = split_sentences(f"{one}\n \t\n{two}")
    assert both[: len(ones)] == ones
    assert len(both) == len(ones) + len(split_sentences(two))


@given(any_text, st.integers(1, 7), st.integers(1, 9))
def test_sentences_do_not_depend_on_how_far_words_are_read_ahead(
    text: str, most: int, read: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("extract.encoder.sentences.MAX_WORDS", most)
        expected = split_sentences(text)
        patch.setattr("extract.encoder.sentences._READ", read)
        assert split_sentences(text) == expected
    assert all(len(sentence) <= most for sentence in expected)
    assert "".join(w.text for s in expected for w in s) == "".join(
        w.text for s in split_sentences(text) for w in s
    )


def test_words_are_read_as_they_are_needed() -> None:
    text = "A word " * 100_000
    seen = iter_words(text, 0, len(text))
    assert next(seen).text == "A"
    first = next(iter_sentences(text))
    assert len(first) == MAX_WORDS and first[-1].end_char < len(text)


@given(st.lists(st.integers(1, 5), max_size=12), st.integers(1, 9))
def test_context_is_the_nearest_words(lengths: list[int], n_words: int) -> None:
    words = tokens_of([f"w{i}" for i in range(sum(lengths))])
    flat = [word.text for word in words]
    ends = [*itertools.accumulate(lengths)]
    sentences = [list(words[e - n : e]) for e, n in zip(ends, lengths, strict=True)]
    expected = [
        (own, tuple(flat[max(0, e - n - n_words) : e - n]), tuple(flat[e : e + n_words]))
        for own, e, n in zip(sentences, ends, lengths, strict=True)
    ]
    assert list(in_context(sentences, n_words)) == expected


CASES = {
    "two sentences": "He left.|She stayed.",
    "question and exclamation": "Why?|No!|Really?!|Yes.",
    "title": "He met Dr. Smith and Mrs. Jones.|They talked.",
    "initials": "J. R. R. Tolkien met George W. Bush.|He smiled.",
    "initials without spaces": "J.R.R. Tolkien wrote it.|He was born in 1892.",
    "a letter at the end": "He took vitamin C.|It helped.",
    "decimals": "It rose 3.5 percent.|Then it fell.",
    "number starts a sentence": "He scored.|7 goals came.",
    "numbered thing": "See Fig. 3 and No. 5 of vol. 2 here.|Then stop.",
    "quote after the stop": 'He said "I am done."|Then he left.',
    "quote before a lower-case word": "“Stop!” he said.|“Why?” she asked.",
    "closing bracket": "He left (see below.)|She stayed.",
    "ellipsis in a sentence": "He said nothing… he never does.",
    "ellipsis at the end": "Wait...|What happened?",
    "U.S. inside": "The U.S. Army and U.S. President Obama came.",
    "U.S. at the end": "He lives in the U.S.|The president does too.",
    "degree at the end": "She has a Ph.D.|She is smart.",
    "company inside": "Acme Inc. of Boston and Lind Co. Ltd. merged.",
    "company at the end": "He works for Acme Inc.|The firm is big.",
    "month": "He came on Jan. 5 and left in Feb.|They wept.",
    "latin": "Some fruit, e.g. Apples, i.e. The red ones, cf. Smith et al. 2004.",
    "host name": "See example.com.|It works on README.md files.",
    "clock": "At 5 p.m. on Monday he slept.|At 6 p.m.|He woke.",
    "tokenised stop": "Hello world .|Next one .",
    "Spanish marks": "¿Qué pasa?|¡Nada!|Él se fue.",
    "Hindi": "यह एक वाक्य है।|यह दूसरा है।",
    "Arabic question": "هل هذا نص؟|نعم.",
    "no stop at the end": "He left.|She stayed",
    "lower case goes on": "iPhone is good. iPad is too.",
    "stop alone": ".",
}


@pytest.mark.parametrize("expected", CASES.values(), ids=CASES)
def test_sentences_of(expected: str) -> None:
    text = expected.replace("|", " ")
    found = [text[s[0].start_char : s[-1].end_char] for s in split_sentences(text)]
    assert found == expected.split("|")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "東京は首都です。大阪も大きい！本当？はい",
            ["東京は首都です。", "大阪も大きい！", "本当？", "はい"],
        ),
        ("「もう行く。」と彼は言った。", ["「もう行く。」", "と彼は言った。"]),
        ("Heading\n\nText here.\r\n\r\nMore", ["Heading", "Text here.", "More"]),
        ("One line\nwrapped to two.", ["One line\nwrapped to two."]),
        ("a.b.c", ["a.b.c"]),
        ("One\u2029Two", ["One", "Two"]),
    ],
)
def test_sentences_of_other_layouts(text: str, expected: list[str]) -> None:
    assert [text[s[0].start_char : s[-1].end_char] for s in split_sentences(text)] == expected


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\u200b"])
def test_no_words_give_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


@pytest.mark.parametrize(
    "pattern", [" ", "\n", " \n", "\n ", "\t\r", ". ", "A. ", '"', "。", "a.", "x\n\n"]
)
def test_a_long_run_of_one_pattern_finishes(pattern: str) -> None:
    # With quadratic time in any of these the suite would not end.
    n = 500_000 // len(pattern)
    assert len(split_sentences("x" + pattern * n + "\ny")) >= 1
