"""How windows are cut into batches: none lost, bounds kept, and the cheapest cut found."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.windows import Window
from extract.predict import _PIECES, batches

LENGTHS = st.lists(st.integers(1, 200), max_size=40)


def windows(lengths: Sequence[int]) -> list[Window]:
    pieces = [np.zeros(length, np.int64) for length in lengths]
    return [Window(at, 0, 1, own, own, own) for at, own in enumerate(pieces)]


@given(LENGTHS, st.integers(1, 12))
def test_batches_hold_each_window_once_within_their_bounds(lengths: list[int], most: int) -> None:
    cut = list(batches(windows(lengths), most))
    assert sorted(w.sentence for batch in cut for w in batch) == list(range(len(lengths)))
    assert [len(w.piece_ids) for batch in cut for w in batch] == sorted(lengths)
    for batch in cut:
        padded = len(batch) * max(len(w.piece_ids) for w in batch)
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or padded <= most * _PIECES


@given(st.lists(st.integers(1, 90), max_size=9), st.integers(0, 300))
def test_no_other_cut_of_sorted_windows_costs_less(lengths: list[int], of_steps: int) -> None:
    ordered = sorted(lengths)

    def cost(batch: Sequence[int]) -> int:
        return len(batch) * max(batch) + of_steps

    @cache
    def least(end: int) -> int:
        return min((least(at) + cost(ordered[at:end]) for at in range(end)), default=0)

    found = [[len(w.piece_ids) for w in batch] for batch in batches(windows(lengths), 32, of_steps)]
    assert sum(map(cost, found)) == least(len(ordered))


def test_a_long_window_is_read_alone_and_a_short_one_is_not() -> None:
    found = [[len(w.piece_ids) for w in b] for b in batches(windows([9, 10, 11, 150, 12]), 32)]
    assert found == [[9, 10, 11, 12], [150]]
