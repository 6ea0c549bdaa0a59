"""Documents as rows of a Parquet file, in the fields of the JSON Lines output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extract.structures import Document

# Of a row group, which is what is held in memory: at most so many documents; the one by which they have so
# many characters is the last.
_ROWS, _CHARACTERS = 1024, 2**20

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
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for group in _groups(documents):
            writer.write_table(
                pa.Table.from_pylist([document.to_dict() for document in group], schema=SCHEMA)
            )
            yield from group


def _groups(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents of a row group each: many short ones, few long ones."""
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text)
        if len(group) == _ROWS or size >= _CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
