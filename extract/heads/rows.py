"""Rows of tensors by their numbers, the way that is quick: one number a row.

Indexing with several tensors, as in `states[window, word]`, copies element by element on a CPU; selecting by
one number copies whole rows, many times as fast.
"""

from __future__ import annotations

from torch import Tensor


def rows_at(table: Tensor, *places: Tensor) -> Tensor:
    """What `table[places]` gives.

    Args:
        table: (size, ..., width), contiguous or it is copied.
        places: one of each dimension of the table but the last, all (rows,).

    Returns: (rows, width), a copy.
    """
    number = places[0]
    for size, place in zip(table.shape[1:], places[1:], strict=False):
        number = number * size + place
    return table.flatten(0, len(places) - 1).index_select(0, number)


def same_rows(key: Tensor, n_keys: int) -> tuple[Tensor, Tensor]:
    """Rows of equal keys, each once.

    Args:
        key: (rows,), from 0 up to `n_keys`.

    Returns: the first row of each key, ascending (kept,); for each row, which of these has its key (rows,).
    """
    number = key.new_full((n_keys,), len(key))
    rows = key.new_ones(len(key)).cumsum(0) - 1
    first = number.scatter_reduce_(0, key, rows, "amin").index_select(0, key)
    own = first == rows
    return own.nonzero().squeeze(1), (own.cumsum(0) - 1).index_select(0, first)
