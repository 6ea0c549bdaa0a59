"""Windows: every word is read, half overlaps, context, limits, special tokens, padding."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.encoder.pretrained import load_tokenizer
from extract.encoder.shapes import SHAPES, word_shape
from extract.encoder.windows import MAX_PIECES_A_WORD, Window, Windower
from extract.structures import Sentence
from tests.extract.cases import sentence_of, tokens_of

MAX_PIECES = 66  # the least that is allowed: room for two words of the most pieces


@functools.cache
def tokenizer_at(folder: Path) -> Any:
    return load_tokenizer(str(folder))


@pytest.fixture
def tokenizer(tiny_encoder: Path) -> Any:
    return tokenizer_at(tiny_encoder)


def words_read(window: Window) -> list[int]:
    """The words of the sentence that have pieces in the window, in order."""
    return [window.start_word + w for w in dict.fromkeys(window.word_of_piece.tolist()) if w >= 0]


# Words the tokenizer drops (zero width, controls), words of one piece, and very long ones.
odd_words = st.one_of(
    st.sampled_from(
        ["\u200b", "\u200d", "\x01", "\ufeff", "\u0301", "a", "Oslo", "x" * 40, "ab" * 300]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=12),
)
fixture_is_constant = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


@given(
    st.lists(st.lists(odd_words, max_size=40), max_size=4),
    st.integers(2, 12),
    st.integers(MAX_PIECES, 120),
    st.integers(0, 6),
)
@fixture_is_constant
def test_every_word_is_in_a_window_and_limits_hold(
    tokenizer: Any, texts: list[list[str]], max_words: int, max_pieces: int, context: int
) -> None:
    windower = Windower(
        tokenizer, max_pieces=max_pieces, max_words=max_words, context_words=context
    )
    sentences = [
        Sentence(tokens_of(words), left_context=("left", "of") * 3, right_context=("right",) * 9)
        for words in texts
    ]
    windows = windower.windows(sentences)
    read: list[set[int]] = [set() for _ in texts]
    for window in windows:
        words = words_read(window)
        assert words == list(range(window.start_word, window.end_word))  # none without a piece
        read[window.sentence].update(words)
        assert window.n_words <= max_words
        assert len(window.piece_ids) <= max_pieces
        assert len(window.piece_ids) == len(window.word_of_piece) == len(window.shape_of_piece)
        counts = np.bincount(window.word_of_piece[window.word_of_piece >= 0])
        assert counts.max() <= MAX_PIECES_A_WORD
    assert read == [set(range(len(words))) for words in texts]
    assert [w.sentence for w in windows] == sorted(w.sentence for w in windows)


def test_long_sentence_windows_overlap_by_half_and_short_one_is_whole(tokenizer: Any) -> None:
    windower = Windower(tokenizer, max_pieces=192, max_words=10)
    windows = windower.windows([sentence_of(" ".join(["Oslo"] * 31)), sentence_of("Oslo is Oslo")])
    assert [(w.sentence, w.start_word, w.end_word) for w in windows] == [
        *((0, start, start + 10) for start in (0, 5, 10, 15, 20)),
        (0, 25, 31),
        (1, 0, 3),
    ]


@given(st.integers(1, 90), st.integers(2, 20))
@fixture_is_constant
def test_words_within_half_a_window_meet_in_one(
    tokenizer: Any, n_words: int, max_words: int
) -> None:
    windower = Windower(tokenizer, max_pieces=192, max_words=max_words)
    windows = windower.windows([sentence_of(" ".join(["Oslo"] * n_words))])
    for first in range(n_words):
        for last in range(first, min(n_words, first + max_words // 2 + 1)):
            assert any(w.start_word <= first and last < w.end_word for w in windows)


def pieces_of(tokenizer: Any, window: Window) -> list[str]:
    return [tokenizer.backend_tokenizer.id_to_token(i) for i in window.piece_ids.tolist()]


def test_context_fills_room_nearest_words_first_and_is_no_word(tokenizer: Any) -> None:
    sentence = replace(
        sentence_of("Anna left"),
        left_context=("In", "Oslo", ",", "Norway", "."),
        right_context=("Peter", "stayed", ".", "Aurora"),
    )
    windower = Windower(tokenizer, max_pieces=192, context_words=3)
    (window,) = windower.windows([sentence])
    pieces = pieces_of(tokenizer, window)
    text = " ".join(pieces).replace(" ##", "")
    assert text == "[CLS] , norway . anna left peter stayed . [SEP]"
    own = [p for p, w in zip(pieces, window.word_of_piece, strict=True) if w >= 0]
    assert own == ["anna", "left"]
    (bare,) = Windower(tokenizer, max_pieces=192).windows([sentence])
    assert pieces_of(tokenizer, bare) == ["[CLS]", *own, "[SEP]"]


def test_context_of_a_cut_sentence_is_its_own_other_words(tokenizer: Any) -> None:
    words = ["Oslo", "Lund", "Basel", "Norway"] * 4
    sentence = replace(
        sentence_of(" ".join(words)), left_context=("Anna",), right_context=("Peter",)
    )
    windower = Windower(tokenizer, max_pieces=192, max_words=8, context_words=2)
    windows = windower.windows([sentence])
    assert [(w.start_word, w.end_word) for w in windows] == [(0, 8), (4, 12), (8, 16)]
    texts = [pieces_of(tokenizer, w)[1:-1] for w in windows]
    lower = [w.lower() for w in words]
    assert texts == [
        ["anna", *lower[:10]],
        lower[2:14],
        [*lower[6:], "peter"],
    ]


def test_context_never_pushes_out_words(tokenizer: Any) -> None:
    long = "ab" * 30  # [UNK] or many pieces, whatever the tokenizer makes of it
    sentence = replace(
        sentence_of("Anna left"), left_context=(long,) * 50, right_context=(long,) * 50
    )
    (window,) = Windower(tokenizer, max_pieces=MAX_PIECES, context_words=50).windows([sentence])
    assert words_read(window) == [0, 1]
    assert len(window.piece_ids) <= MAX_PIECES


def test_special_tokens_stand_at_the_ends_only(tokenizer: Any) -> None:
    sentence = sentence_of("Anna [SEP] left [CLS]")
    (window,) = Windower(tokenizer, max_pieces=192).windows([sentence])
    assert window.piece_ids[0] == tokenizer.cls_token_id
    assert window.piece_ids[-1] == tokenizer.sep_token_id
    assert window.word_of_piece[[0, -1]].tolist() == [-1, -1]
    assert window.shape_of_piece[[0, -1]].tolist() == [0, 0]
    assert words_read(window) == [0, 1, 2, 3]


def test_shortened_words_are_counted_and_reported_once(
    tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # Upper limit of WordPiece is 100 characters a word; longer ones are one unknown piece.
    windower = Windower(tokenizer, max_pieces=192)
    sentences = [sentence_of("q" * 50), sentence_of("Oslo " + "z" * 60), sentence_of("Oslo")]
    with caplog.at_level(logging.WARNING):
        windows = windower.windows(sentences)
    assert windower.n_shortened_words == 2
    assert len(windows) == 3
    assert [r.getMessage() for r in caplog.records] == [
        "2 words of more than 32 pieces were read by their first 32 pieces only."
    ]


def test_no_words_no_window(tokenizer: Any) -> None:
    assert Windower(tokenizer, max_pieces=192).windows([Sentence(()), Sentence(())]) == []


def test_too_few_pieces_names_both_numbers(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=r"max_pieces of at least 66, got 65"):
        Windower(tokenizer, max_pieces=65)


def test_batch_pads_and_masks(tokenizer: Any) -> None:
    windower = Windower(tokenizer, max_pieces=192)
    windows = windower.windows([sentence_of("Oslo is Norway"), sentence_of("Lund")])
    batch = windower.batch(windows)
    assert batch.piece_ids.shape == batch.piece_mask.shape == batch.word_of_piece.shape == (2, 5)
    assert batch.word_mask.tolist() == [[True, True, True], [True, False, False]]
    assert batch.piece_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch.piece_ids[1, 3:].tolist() == [tokenizer.pad_token_id] * 2
    assert batch.word_of_piece[1].tolist() == [-1, 0, -1, -1, -1]
    assert batch.shape_of_piece[1].tolist() == [0, word_shape("Lund"), 0, 0, 0]


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("oslo", "lower"),
        ("Oslo", "capitalised"),
        ("ÖBB", "upper"),
        ("J", "initial"),
        ("iPhone", "mixed"),
        ("McDonald", "mixed"),
        ("1967", "digits"),
        ("1,250.5", "number"),
        ("16th", "number"),
        ("U.S.", "acronym"),
        ("東", "caseless"),
        (".", "symbol"),
        ("😀", "symbol"),
        ("", "symbol"),
    ],
)
def test_shape_of_word(word: str, shape: str) -> None:
    assert SHAPES[word_shape(word)] == shape


def test_packaged_tokenizer_does_not_truncate() -> None:
    tokenizer = load_tokenizer("all-MiniLM-L6-v2")
    assert tokenizer.backend_tokenizer.truncation is None
    assert tokenizer.backend_tokenizer.padding is None
    sentence = sentence_of(" ".join(["river"] * 700))
    windows = Windower(tokenizer, max_pieces=512, max_words=600).windows([sentence])
    assert len(windows[0].piece_ids) == 512  # its file would stop at 128
    assert set().union(*(words_read(w) for w in windows)) == set(range(700))


@given(
    st.lists(st.lists(odd_words, min_size=1, max_size=30), min_size=1, max_size=3),
    st.integers(2, 12),
    st.integers(0, 4),
)
@fixture_is_constant
def test_windows_cut_again_hold_the_same_words_and_by_the_same_windower_the_same_pieces(
    tokenizer: Any, texts: list[list[str]], max_words: int, context: int
) -> None:
    settings_ = {"max_pieces": MAX_PIECES, "max_words": max_words, "context_words": context}
    windower = Windower(tokenizer, **settings_)
    sentences = [Sentence(tokens_of(words), left_context=("left",) * 3) for words in texts]
    windows = windower.windows(sentences)
    for one, again in zip(windows, windower.again(windows, sentences), strict=True):
        assert one.piece_ids.tolist() == again.piece_ids.tolist()
        assert one.shape_of_piece.tolist() == again.shape_of_piece.tolist()
    other = Windower(tokenizer, max_pieces=MAX_PIECES, max_words=2)
    for one, again in zip(windows, other.again(windows, sentences), strict=True):
        place = (one.sentence, one.start_word, one.end_word)
        assert (again.sentence, again.start_word, again.end_word) == place
        assert words_read(again) == words_read(one)
        assert len(again.piece_ids) <= MAX_PIECES
    assert windower.cuts_as(Windower(tokenizer, **settings_))
    assert windower.cuts_as(other) == (context == 0)


def test_words_with_too_many_pieces_together_are_shortened_and_too_many_words_refused(
    tokenizer: Any,
) -> None:
    wide = Windower(tokenizer, max_pieces=500)
    sentence = Sentence(tokens_of(["x" * 30, "Oslo", *["ab" * 10] * 8]))
    (window,) = wide.windows([sentence])
    narrow = Windower(tokenizer, max_pieces=MAX_PIECES)
    assert not narrow.cuts_as(wide) and wide.cuts_as(narrow)
    (again,) = narrow.again([window], [sentence])
    assert words_read(again) == list(range(10))
    counts = np.bincount(again.word_of_piece[again.word_of_piece >= 0])
    assert len(again.piece_ids) <= MAX_PIECES
    assert counts[0] == counts[2] == counts.max() > 1  # long words share what room there is
    many = Sentence(tokens_of(["a"] * 80))
    with pytest.raises(ValueError, match=r"windows of at most 64 words, got one of 80"):
        narrow.again(wide.windows([many]), [many])
