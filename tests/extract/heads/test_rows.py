"""Rows by number: what indexing with several tensors gives, and equal keys once."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.heads.rows import rows_at, same_rows


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    n_rows=st.integers(0, 9),
    seed=st.integers(0, 999),
)
def test_rows_are_those_of_indexing(sizes: list[int], n_rows: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(*sizes, 5, generator=generator)
    places = [torch.randint(0, size, (n_rows,), generator=generator) for size in sizes]
    assert torch.equal(rows_at(table, *places), table[tuple(places)])


def test_rows_of_a_transposed_table_are_those_of_indexing() -> None:
    table = torch.arange(24.0).view(2, 3, 4).transpose(0, 1)
    at = torch.tensor([2, 0]), torch.tensor([1, 1])
    assert torch.equal(rows_at(table, *at), table[at])


def test_gradient_reaches_each_row_as_often_as_it_is_taken() -> None:
    table = torch.zeros(2, 3, 4, requires_grad=True)
    rows_at(table, torch.tensor([1, 1, 0]), torch.tensor([2, 2, 0])).sum().backward()
    assert table.grad is not None
    assert table.grad.sum(dim=-1).tolist() == [[4, 0, 0], [0, 0, 8]]


@given(key=st.lists(st.integers(0, 6), max_size=20))
def test_equal_keys_come_once_in_order(key: list[int]) -> None:
    kept, which = same_rows(torch.tensor(key, dtype=torch.long), 7)
    assert kept.tolist() == [row for row, k in enumerate(key) if k not in key[:row]]
    assert [key[kept[at]] for at in which.tolist()] == key
