"""The shards of a plan as rows of a Ray Data set, read by one task while they are worked on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from extract.errors import InputError
from extract.interfaces.batch.shards import Plan

END = -1  # the number of the row after the last shard, which says how reading ended
_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("first", pa.int64()),
        ("ids", pa.list_(pa.string())),
        ("texts", pa.list_(pa.large_string())),
        ("end", pa.string()),
    ]
)


def shard_source(plan: Plan) -> Any:
    """A Ray `Datasource` of one shard a row."""
    from ray.data import Datasource
    from ray.data.block import BlockMetadata
    from ray.data.datasource import ReadTask

    class ShardSource(Datasource):
        """Reads the input from its beginning: a compressed file or JSON Lines cannot be entered midway."""

        def estimate_inmemory_data_size(self) -> int | None:
            """Unknown."""
            return None

        def get_read_tasks(self, parallelism: int, *more: Any, **named: Any) -> list[Any]:
            """One task, which yields a block a shard."""
            unknown = BlockMetadata(
                num_rows=None, size_bytes=None, exec_stats=None, input_files=None
            )
            return [ReadTask(lambda: _blocks(plan), unknown)]

    return ShardSource()


def _blocks(plan: Plan) -> Iterator[pa.Table]:
    """A table of one row for each shard to do, then one that says how reading ended."""
    read: list[tuple[int, int, int]] = []
    error: str | None = None
    try:
        for shard in plan.shards():
            ids, texts = zip(*shard.items, strict=True)
            read.append((shard.number, shard.first, len(ids)))
            yield _row(number=shard.number, first=shard.first, ids=ids, texts=texts)
    except InputError as found:
        error = str(found)
    end = {"n_bad": plan.source.tally.n_bad, "shards": read, "error": error}
    yield _row(number=END, end=json.dumps(end))


def _row(**values: Any) -> pa.Table:
    empty: dict[str, Any] = {"number": END, "first": 0, "ids": [], "texts": [], "end": None}
    return pa.Table.from_pylist([empty | values], schema=_SCHEMA)
