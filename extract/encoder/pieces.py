"""The pieces of words: what a tokenizer makes of each word by itself, kept for words that come again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from extract.encoder.shapes import word_shape

MAX_PIECES_A_WORD = 32
_KEPT = 1 << 16  # words, about 20 MB
_LONG = 64  # characters: longer words hardly come again
_AT_ONCE = 2000  # words tokenised at once, so that one endless sentence needs no endless memory


class WordPieces(NamedTuple):
    """A word as the encoder reads it: its pieces, one at least, and the index of its shape.

    `shortened` says that the word has further pieces, which are not read.
    """

    ids: tuple[int, ...]
    shape: int
    shortened: bool


class WordReader:
    """Makes the pieces of words by one fast Hugging Face tokenizer.

    Such a tokenizer takes each word by itself where a text is given as words, so what it made of a word
    holds wherever the word stands. Most words of a text have been met before.
    """

    def __init__(self, tokenizer: Any) -> None:
        unknown = tokenizer.unk_token_id
        self.unknown = tokenizer.pad_token_id if unknown is None else unknown
        self._backend = tokenizer.backend_tokenizer
        self._kept: dict[str, WordPieces] = {}

    def reads_as(self, other: WordReader) -> bool:
        """Whether both make the same pieces of every word."""
        return bool(self._backend.to_str() == other._backend.to_str())

    def read(self, sentences: Sequence[Sequence[str]]) -> list[list[WordPieces]]:
        """The pieces of each word of each sentence; a word the tokenizer drops is unknown."""
        kept = self._kept
        if len(kept) > _KEPT:
            kept = self._kept = {}  # replaced whole: another thread may be reading
        new = {word: None for words in sentences for word in words if word not in kept}
        if not new:
            return [[kept[word] for word in words] for words in sentences]
        made = self._made(list(new))
        kept.update((word, pieces) for word, pieces in made.items() if len(word) <= _LONG)
        return [[made.get(word) or kept[word] for word in words] for words in sentences]

    def _made(self, words: list[str]) -> dict[str, WordPieces]:
        made = {}
        for at in range(0, len(words), _AT_ONCE):
            some = words[at : at + _AT_ONCE]
            encoding = self._backend.encode(some, is_pretokenized=True, add_special_tokens=False)
            ids: list[list[int]] = [[] for _ in some]
            for piece, word in zip(encoding.ids, encoding.word_ids, strict=True):
                ids[word].append(piece)
            for word, own in zip(some, ids, strict=True):
                short = tuple(own[:MAX_PIECES_A_WORD]) or (self.unknown,)
                made[word] = WordPieces(short, word_shape(word), len(own) > MAX_PIECES_A_WORD)
        return made
