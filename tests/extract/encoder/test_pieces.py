"""Pieces of words: those the tokenizer makes of the whole sentence, whatever was read before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.encoder import pieces
from extract.encoder.pieces import MAX_PIECES_A_WORD, WordReader
from extract.encoder.pretrained import load_tokenizer

WORDS = st.one_of(
    st.sampled_from(["Oslo", "oslo", "\u200b", "\x01", "a", "ab" * 300, "[MASK]", "x" * 70]),
    st.text(st.characters(exclude_categories=("Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8),
)


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> Any:
    return load_tokenizer(str(tiny_encoder))


def of_sentence(tokenizer: Any, words: list[str]) -> list[list[int]]:
    """What the tokenizer makes of a sentence that it is given as words, read at once."""
    encoding = tokenizer.backend_tokenizer.encode(
        words, is_pretokenized=True, add_special_tokens=False
    )
    found: list[list[int]] = [[] for _ in words]
    for piece, word in zip(encoding.ids, encoding.word_ids, strict=True):
        found[word].append(piece)
    return [own[:MAX_PIECES_A_WORD] or [tokenizer.unk_token_id] for own in found]


@given(st.lists(st.lists(st.lists(WORDS, max_size=9), max_size=3), max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_are_those_of_the_sentence_whatever_was_read_before(
    tokenizer: Any, calls: list[list[list[str]]]
) -> None:
    reader = WordReader(tokenizer)
    for sentences in calls:
        found = reader.read(sentences)
        assert [[list(word.ids) for word in words] for words in found] == [
            of_sentence(tokenizer, words) for words in sentences
        ]


def test_words_are_kept_up_to_a_number_and_long_ones_are_not(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_KEPT", 20)
    reader = WordReader(tokenizer)
    for number in range(30):
        words = [f"w{number}a", f"w{number}b", "q" * 65]
        assert [word.shortened for word in reader.read([words])[0]] == [False, False, True]
        assert len(reader._kept) <= 22
        assert "q" * 65 not in reader._kept
