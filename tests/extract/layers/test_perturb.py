"""Misspelt copies: same words but for one letter, as many, and the same for one seed."""

from __future__ import annotations

import pytest

from extract.layers.perturb import misspell
from tests.extract.cases import sentence_of

TEXT = "Leonard Parker received his doctorate from Harvard University in 1967 , they say"


def test_share_of_one_changes_every_long_word_and_no_other() -> None:
    sentence = sentence_of(TEXT)
    (copy,) = misspell([sentence], seed=3, share=1.0)
    assert len(copy) == len(sentence) and not copy.entities
    for word, found in zip(sentence.words, copy.words, strict=True):
        if len(word) < 4 or not word.isalpha():
            assert found == word
            continue
        assert (found[0], found[-1]) == (word[0], word[-1])
        assert len(word) - 1 <= len(found) <= len(word)


@pytest.mark.parametrize("seed", range(3))
def test_about_the_asked_share_is_changed(seed: int) -> None:
    sentences = [sentence_of("abcdefgh " * 199 + "abcdefgh")] * 5
    copies = misspell(sentences, seed=seed, share=0.3)
    n_changed = sum(word != "abcdefgh" for copy in copies for word in copy.words)
    assert 230 < n_changed < 370  # of 1000; a replaced letter may be the letter itself


def test_seed_decides_and_nothing_else() -> None:
    sentences = [sentence_of(TEXT)] * 4
    one, two, other = (misspell(sentences, seed=seed) for seed in (1, 1, 2))
    assert [c.words for c in one] == [c.words for c in two] != [c.words for c in other]


def test_share_of_zero_changes_nothing() -> None:
    (copy,) = misspell([sentence_of(TEXT)], seed=0, share=0.0)
    assert copy.words == TEXT.split()
