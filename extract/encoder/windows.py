"""Sentences as the encoder reads them: word pieces in windows, with context, nothing cut silently.

A sentence that fits is one window. A longer one becomes several that overlap by half, so a fact
whose words stand within half a window of each other is whole in at least one of them. Room that
is left holds words of the surrounding sentences.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from extract.encoder.parses import DependencyParser, Parents, inside
from extract.encoder.pieces import MAX_PIECES_A_WORD, WordPieces, WordReader
from extract.structures import Sentence

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """Words `start_word` up to `end_word` of sentence number `sentence`, as pieces.

    `piece_ids`, `word_of_piece` and `shape_of_piece` are (pieces,), special tokens included;
    `word_of_piece` counts words from `start_word` and is -1 for special tokens and context.
    `parents` (words,) is the dependency tree, also from `start_word`, -1 for roots and for words whose
    parent is outside; None without a parser.
    """

    sentence: int
    start_word: int
    end_word: int
    piece_ids: npt.NDArray[np.int64]
    word_of_piece: npt.NDArray[np.int64]
    shape_of_piece: npt.NDArray[np.int64]
    parents: Parents | None = None

    @property
    def n_words(self) -> int:
        """How many words of the sentence the window holds."""
        return self.end_word - self.start_word


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Padded windows: piece tensors are (batch, pieces), `word_mask` and `parents` (batch, words).

    `parents` is each word's parent in the dependency tree, -1 for none; None without a parser.
    """

    piece_ids: Tensor
    piece_mask: Tensor
    word_of_piece: Tensor
    shape_of_piece: Tensor
    word_mask: Tensor
    parents: Tensor | None = None

    def to(self, device: torch.device | str) -> EncodedBatch:
        """The same batch on another device."""
        return EncodedBatch(
            self.piece_ids.to(device),
            self.piece_mask.to(device),
            self.word_of_piece.to(device),
            self.shape_of_piece.to(device),
            self.word_mask.to(device),
            None if self.parents is None else self.parents.to(device),
        )


class Windower:
    """Cuts sentences into windows for one tokenizer.

    Args:
        tokenizer: a fast Hugging Face tokenizer.
        max_pieces: pieces a window may hold, special tokens included.
        max_words: words of the sentence a window may hold; bounds the word-pair table.
        context_words: words of surrounding sentences added on each side where room is left.
        parser: makes the windows' dependency trees; none by default.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        max_pieces: int,
        max_words: int = 160,
        context_words: int = 0,
        parser: DependencyParser | None = None,
    ) -> None:
        self._reader = WordReader(tokenizer)
        self.pad_id = int(tokenizer.pad_token_id or 0)
        hidden = tokenizer.mask_token_id
        self.mask_id = int(self._reader.unknown if hidden is None else hidden)
        start = (
            tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
        )
        end = (
            tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
        )
        self._prefix = [start] if start is not None else []
        self._suffix = [end] if end is not None else []
        self.room = max_pieces - len(self._prefix) - len(self._suffix)
        if self.room < 2 * MAX_PIECES_A_WORD:
            raise ValueError(
                f"Expected max_pieces of at least {2 * MAX_PIECES_A_WORD + 2}, got {max_pieces}."
            )
        self.max_words = max_words
        self.context_words = context_words
        self.parser = parser
        self.n_shortened_words = 0

    def windows(self, sentences: Sequence[Sentence]) -> list[Window]:
        """The windows of all sentences; `Window.sentence` is the place in `sentences`.

        A sentence without words has no window.
        """
        n_before = self.n_shortened_words
        pieces = self._pieces([sentence.words for sentence in sentences])
        around = self._around(sentences)
        found = []
        for number, words in enumerate(pieces):
            tree = self.parser.parents(sentences[number].words) if self.parser else None
            for start, end in self._cuts(words):
                left, right = self._context(words, start, end, around[number])
                window = self._window(number, start, end, words[start:end], left, right)
                if tree is not None:
                    window = replace(window, parents=inside(tree, start, end))
                found.append(window)
        if self.n_shortened_words > n_before:
            logger.warning(
                "%d words of more than %d pieces were read by their first %d pieces only.",
                self.n_shortened_words - n_before, MAX_PIECES_A_WORD, MAX_PIECES_A_WORD,
            )  # fmt: skip
        return found

    def cuts_as(self, other: Windower) -> bool:
        """Whether every window that the other makes is one that this one reads, piece by piece."""
        return (
            self._reader.reads_as(other._reader)
            and self._prefix == other._prefix
            and self._suffix == other._suffix
            and self.context_words == other.context_words
            and self.room >= other.room
            and (self.parser is None or other.parser is not None)
        )

    def again(self, windows: Sequence[Window], sentences: Sequence[Sentence]) -> list[Window]:
        """Windows of another windower as this one cuts the same words.

        Where the words have more pieces than a window has room for, those of the longest are cut off.

        Args:
            windows: of `sentences`, by `Window.sentence`.

        Raises `ValueError` if a window has more words than a window here has room for.
        """
        pieces = self._pieces([sentence.words for sentence in sentences])
        around = self._around(sentences)
        trees: dict[int, Parents] = {}
        found = []
        for one in windows:
            if one.n_words > self.room:
                raise ValueError(
                    f"Expected windows of at most {self.room} words, got one of {one.n_words}."
                )
            number, start, end = one.sentence, one.start_word, one.end_word
            words = pieces[number]
            left, right = self._context(words, start, end, around[number])
            own = _shortened(words[start:end], self.room)
            again = self._window(number, start, end, own, left, right)
            if self.parser is not None:
                if number not in trees:
                    trees[number] = self.parser.parents(sentences[number].words)
                again = replace(again, parents=inside(trees[number], start, end))
            found.append(again)
        return found

    def _pieces(self, sentences: Sequence[Sequence[str]]) -> list[list[WordPieces]]:
        read = self._reader.read(sentences)
        self.n_shortened_words += sum(word.shortened for words in read for word in words)
        return read

    def _around(
        self, sentences: Sequence[Sentence]
    ) -> list[tuple[list[WordPieces], list[WordPieces]]]:
        """The pieces of the words before and after each sentence, as far as context reaches."""
        context = self.context_words
        if not context:
            return [([], []) for _ in sentences]
        lefts = self._pieces([s.left_context[-context:] for s in sentences])
        rights = self._pieces([s.right_context[:context] for s in sentences])
        return list(zip(lefts, rights, strict=True))

    def _context(
        self,
        words: list[WordPieces],
        start: int,
        end: int,
        around: tuple[list[WordPieces], list[WordPieces]],
    ) -> tuple[list[WordPieces], list[WordPieces]]:
        """The words before and after a window of a sentence's `words`."""
        context = self.context_words
        if not context:
            return [], []
        left = (around[0] + words[max(0, start - context) : start])[-context:]
        right = (words[end : end + context] + around[1])[:context]
        return left, right

    def _cuts(self, words: list[WordPieces]) -> Iterable[tuple[int, int]]:
        if 0 < len(words) <= self.max_words and _n_pieces(words) <= self.room:
            yield 0, len(words)  # the usual sentence
            return
        start = 0
        while start < len(words):
            end, n_pieces = start, 0
            while end < len(words) and end - start < self.max_words:
                n_pieces += len(words[end].ids)
                if n_pieces > self.room:
                    break
                end += 1
            yield start, end
            if end == len(words):
                return
            start += max(1, (end - start) // 2)

    def _window(
        self,
        sentence: int,
        start: int,
        end: int,
        words: list[WordPieces],
        left: list[WordPieces],
        right: list[WordPieces],
    ) -> Window:
        room = self.room - _n_pieces(words)
        before = _fill(left[::-1], room // 2)[::-1]
        after = _fill(right, room - _n_pieces(before))
        numbers = [*(-1 for _ in before), *range(len(words)), *(-1 for _ in after)]
        read = [*before, *words, *after]
        first, last = self._prefix, self._suffix
        pieces = [
            [*first, *chain.from_iterable(word.ids for word in read), *last],
            [*(-1 for _ in first), *_each(numbers, read), *(-1 for _ in last)],
            [*(0 for _ in first), *_each([word.shape for word in read], read), *(0 for _ in last)],
        ]
        ids, of_piece, shapes = np.array(pieces, np.int64)
        return Window(sentence, start, end, ids, of_piece, shapes)

    def batch(self, windows: Sequence[Window]) -> EncodedBatch:
        """Pad windows to one batch."""
        n_pieces = max(len(window.piece_ids) for window in windows)
        n_words = max(window.n_words for window in windows)
        ids = np.full((len(windows), n_pieces), self.pad_id, np.int64)
        of_piece = np.full((len(windows), n_pieces), -1, np.int64)
        shapes = np.zeros((len(windows), n_pieces), np.int64)
        mask = np.zeros((len(windows), n_pieces), np.int64)
        word_mask = np.zeros((len(windows), n_words), bool)
        for row, window in enumerate(windows):
            length = len(window.piece_ids)
            ids[row, :length] = window.piece_ids
            of_piece[row, :length] = window.word_of_piece
            shapes[row, :length] = window.shape_of_piece
            mask[row, :length] = 1
            word_mask[row, : window.n_words] = True
        return EncodedBatch(
            torch.from_numpy(ids),
            torch.from_numpy(mask),
            torch.from_numpy(of_piece),
            torch.from_numpy(shapes),
            torch.from_numpy(word_mask),
            _padded_parents(windows, n_words),
        )


def _padded_parents(windows: Sequence[Window], n_words: int) -> Tensor | None:
    """(batch, words), -1 for padding; None unless all windows have trees."""
    padded = np.full((len(windows), n_words), -1, np.int64)
    for row, window in enumerate(windows):
        if window.parents is None:
            return None
        padded[row, : window.n_words] = window.parents
    return torch.from_numpy(padded)


def _n_pieces(words: Iterable[WordPieces]) -> int:
    return sum(len(word.ids) for word in words)


def _each(values: Iterable[int], words: Iterable[WordPieces]) -> Iterator[int]:
    """A word's value for each of its pieces."""
    return (value for value, word in zip(values, words, strict=True) for _ in word.ids)


def _shortened(words: list[WordPieces], room: int) -> list[WordPieces]:
    """The words by as many of their first pieces as fit into `room`, the same number at most for each."""
    for most in range(MAX_PIECES_A_WORD, 0, -1):
        short = [word._replace(ids=word.ids[:most]) for word in words]
        if _n_pieces(short) <= room:
            break
    return short


def _fill(words: list[WordPieces], room: int) -> list[WordPieces]:
    """The first words whose pieces fit into `room`."""
    used = 0
    for number, word in enumerate(words):
        used += len(word.ids)
        if used > room:
            return words[:number]
    return words
