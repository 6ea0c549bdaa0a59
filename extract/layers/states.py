"""The states of every word of a corpus part at every layer, and the features that probes read from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from extract.encoder.pooling import pool_words
from extract.encoder.windows import Window
from extract.layers.studied import StudiedEncoder
from extract.structures import Sentence

# Half precision halves what a study holds in memory; states beyond its range are cut to it.
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class WordTable:
    """Word states (layers + 1, words, hidden); sentence s has rows `starts[s]` up to `starts[s + 1]`."""

    states: npt.NDArray[np.float16]
    starts: npt.NDArray[np.int64]


def word_starts(sentences: Sequence[Sentence]) -> npt.NDArray[np.int64]:
    """The place of each sentence's first word among the words of all, and their number: (sentences + 1,)."""
    return np.cumsum([0, *map(len, sentences)], dtype=np.int64)


def word_states(studied: StudiedEncoder, sentences: Sequence[Sentence]) -> WordTable:
    """Read sentences and keep the mean of each word's pieces at every layer.

    A word that several windows of a long sentence hold is taken from the first of them.
    Raises `ModelError` if a state is no finite number.
    """
    starts = word_starts(sentences)
    shape = (studied.n_states, int(starts[-1]), studied.encoder.hidden)
    states = np.zeros(shape, np.float16)  # (layers + 1, words, hidden)
    windows = studied.windower.windows(sentences)
    fresh = _fresh_words(windows)
    for chosen, batch, layers in studied.passes(windows):
        counts = [w.end_word - fresh[w.sentence, w.start_word] for w in chosen]
        row = np.repeat(np.arange(len(chosen)), counts)
        word = np.concatenate(
            [np.arange(w.n_words - n, w.n_words) for w, n in zip(chosen, counts, strict=True)]
        )
        first = np.repeat([starts[w.sentence] + w.start_word for w in chosen], counts)
        for layer, state in enumerate(layers.layers):
            pooled = pool_words(state, batch.word_of_piece, batch.word_mask.shape[1])
            kept = pooled[row, word].clamp(-_LARGEST, _LARGEST).to(torch.float16)
            states[layer, first + word] = kept.numpy()
    return WordTable(states, starts)


def _fresh_words(windows: Sequence[Window]) -> dict[tuple[int, int], int]:
    """The first word of each window that no earlier one holds, by sentence and first word."""
    seen: dict[int, int] = {}
    fresh = {}
    for window in windows:
        fresh[window.sentence, window.start_word] = seen.get(window.sentence, 0)
        seen[window.sentence] = window.end_word
    return fresh


def span_means(
    words: npt.NDArray[np.float32], spans: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """The mean of the words of each span.

    Args:
        words: (words, hidden).
        spans: (spans, 2), half-open, none empty, at least one.

    Returns: (spans, hidden).
    """
    lengths = spans[:, 1] - spans[:, 0]
    offsets = np.cumsum(lengths) - lengths
    rows = np.repeat(spans[:, 0] - offsets, lengths) + np.arange(lengths.sum())
    sums = np.add.reduceat(words[rows], offsets, axis=0)
    means: npt.NDArray[np.float32] = (sums / lengths[:, None]).astype(np.float32)
    return means


def pair_features(
    means: npt.NDArray[np.float32], pairs: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Subject, object and their product side by side.

    Args:
        means: (spans, hidden).
        pairs: (pairs, 2), rows of `means`.

    Returns: (pairs, 3 * hidden).
    """
    subject, object_ = means[pairs[:, 0]], means[pairs[:, 1]]
    return np.concatenate([subject, object_, subject * object_], axis=1)
