"""Documents as rows of a Parquet file, in the fields of the JSON Lines output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extract.structures import Document

_ROWS = 1024  # documents a row group: what is held in memory

_MENTION = [
    ("text", pa.string()),
    ("start", pa.int64()),
    ("end", pa.int64()),
    ("label", pa.string()),
]
_ENTITY = pa.struct([*_MENTION, ("score", pa.float64())])
_QUALIFIER = pa.struct(
    [
        ("label", pa.string()),
        ("label_id", pa.string()),
        ("value", pa.struct(_MENTION)),
        ("score", pa.float64()),
    ]
)
_TRIPLE = pa.struct(
    [
        ("subject", pa.struct(_MENTION)),
        ("relation", pa.string()),
        ("relation_id", pa.string()),
        ("object", pa.struct(_MENTION)),
        ("qualifiers", pa.list_(_QUALIFIER)),
        ("score", pa.float64()),
        ("sentence", pa.list_(pa.int64())),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("entities", pa.list_(_ENTITY)),
        ("triples", pa.list_(_TRIPLE)),
        ("model", pa.string()),
    ]
)


def write_parquet(documents: Iterable[Document], path: Path) -> Iterator[Document]:
    """Write documents to a file and yield each. The file is whole when the iterator ends."""
    rows = iter(documents)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while batch := list(islice(rows, _ROWS)):
            writer.write_table(
                pa.Table.from_pylist([document.to_dict() for document in batch], schema=SCHEMA)
            )
            yield from batch
