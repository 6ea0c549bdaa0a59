"""Sentences as the encoder reads them: word pieces in windows, with context, nothing cut silently.

A sentence that fits is one window. A longer one becomes several that overlap by half, so a fact
whose words stand within half a window of each other is whole in at least one of them. Room that
is left holds words of the surrounding sentences.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from extract.encoder.parses import DependencyParser, Parents, inside
from extract.encoder.shapes import word_shape
from extract.structures import Sentence

logger = logging.getLogger(__name__)

MAX_PIECES_A_WORD = 32
_Word = tuple[list[int], int]  # piece ids, index of the word's shape
_CHUNK = 2000  # words tokenised at once, so that one endless sentence needs no endless memory


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
        self._backend = tokenizer.backend_tokenizer
        self._unknown = tokenizer.unk_token_id
        if self._unknown is None:
            self._unknown = tokenizer.pad_token_id
        self.pad_id = int(tokenizer.pad_token_id or 0)
        hidden = tokenizer.mask_token_id
        self.mask_id = int(self._unknown if hidden is None else hidden)
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
        context = self.context_words
        around = [
            (list(s.left_context[-context:]), list(s.right_context[:context]))
            if context
            else ([], [])
            for s in sentences
        ]
        lefts = self._pieces([left for left, _ in around])
        rights = self._pieces([right for _, right in around])
        found = []
        for number, words in enumerate(pieces):
            tree = self.parser.parents(sentences[number].words) if self.parser else None
            for start, end in self._cuts(words):
                left = (lefts[number] + words[max(0, start - context) : start])[-context:]
                right = (words[end : end + context] + rights[number])[:context]
                if not context:
                    left, right = [], []
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

    def _pieces(self, sentences: list[list[str]]) -> list[list[_Word]]:
        """The pieces of each word of each sentence; a word the tokenizer drops is unknown."""
        chunks = [
            (number, words[at : at + _CHUNK])
            for number, words in enumerate(sentences)
            for at in range(0, len(words), _CHUNK)
        ]
        result: list[list[_Word]] = [[] for _ in sentences]
        encodings = self._backend.encode_batch(
            [words for _, words in chunks], is_pretokenized=True, add_special_tokens=False
        )
        for (number, words), encoding in zip(chunks, encodings, strict=True):
            of_word: list[list[int]] = [[] for _ in words]
            for piece, word in zip(encoding.ids, encoding.word_ids, strict=True):
                of_word[word].append(piece)
            for at, ids in enumerate(of_word):
                if not ids:
                    of_word[at] = [self._unknown]
                elif len(ids) > MAX_PIECES_A_WORD:
                    of_word[at] = ids[:MAX_PIECES_A_WORD]
                    self.n_shortened_words += 1
            result[number].extend(zip(of_word, map(word_shape, words), strict=True))
        return result

    def _cuts(self, words: list[_Word]) -> Iterable[tuple[int, int]]:
        start = 0
        while start < len(words):
            end, n_pieces = start, 0
            while end < len(words) and end - start < self.max_words:
                n_pieces += len(words[end][0])
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
        words: list[_Word],
        left: list[_Word],
        right: list[_Word],
    ) -> Window:
        room = self.room - sum(len(ids) for ids, _ in words)
        before = _fill(left[::-1], room // 2)[::-1]
        after = _fill(right, room - sum(len(ids) for ids, _ in before))
        numbered = [
            *((word, -1) for word in before),
            *zip(words, range(len(words)), strict=True),
            *((word, -1) for word in after),
        ]
        pieces = [(piece, number, shape) for (ids, shape), number in numbered for piece in ids]
        pieces = [
            *((piece, -1, 0) for piece in self._prefix),
            *pieces,
            *((piece, -1, 0) for piece in self._suffix),
        ]
        ids, of_piece, shapes = np.array(pieces, np.int64).T
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


def _fill(words: list[_Word], room: int) -> list[_Word]:
    """The first words whose pieces fit into `room`."""
    used = 0
    for number, (ids, _) in enumerate(words):
        used += len(ids)
        if used > room:
            return words[:number]
    return words
