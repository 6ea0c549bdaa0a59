"""Cutting the input: by position alone, nothing lost, nothing twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.interfaces.batch import shards
from extract.interfaces.batch.shards import cut, shard_name

items = st.lists(st.tuples(st.text(), st.text(max_size=20)))


@given(items, st.integers(1, 7))
def test_shards_hold_all_documents_in_order(documents: list[tuple[str, str]], size: int) -> None:
    found = list(cut(documents, size))
    assert [item for shard in found for item in shard.items] == documents
    assert [shard.number for shard in found] == list(range(len(found)))
    assert all(len(shard.items) == size for shard in found[:-1])
    for shard in found:
        assert documents[shard.first - 1 : shard.first - 1 + len(shard.items)] == shard.items


def test_long_texts_end_a_shard_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_CHARACTERS", 10)
    texts = ["x" * 4, "x" * 4, "x" * 4, "x" * 25, "x"]
    found = list(cut([("", text) for text in texts], 100))
    assert [len(shard.items) for shard in found] == [3, 1, 1]
    assert [shard.first for shard in found] == [1, 4, 5]


def test_names_sort_as_shards_do() -> None:
    names = [shard_name(number, "jsonl") for number in (0, 2, 10, 999_999)]
    assert names == sorted(names) and names[0] == "part-000000.jsonl"
