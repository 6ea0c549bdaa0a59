"""Parquet: four tables for DuckDB, pandas, Polars and Spark.

`nodes`; `statements`; `qualifiers`, one row a qualifier; `evidence`, one row a place that states a statement.
The last two name their statement, and their place in its order (`index`, from 0).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extract.kg.export.records import (
    Record,
    evidence_record,
    mention_record,
    qualifier_record,
    value_record,
)
from extract.kg.export.registry import Exporter, RdfSettings
from extract.kg.structures import Graph

_ROW_GROUP = 20_000  # rows in memory at once

_TEXT, _TEXTS, _SCORE, _OFFSET = pa.string(), pa.list_(pa.string()), pa.float64(), pa.int64()
_VALUE = [("node", _TEXT), ("lexical", _TEXT), ("datatype", _TEXT), ("text", _TEXT)]
_MENTION = pa.struct(
    [("document", _TEXT), ("start", _OFFSET), ("end", _OFFSET), ("text", _TEXT), ("type", _TEXT)]
)
_FACT_QUALIFIER = pa.struct(
    [("label", _TEXT), ("label_id", _TEXT), ("value", _MENTION), ("score", _SCORE)]
)

SCHEMAS = {
    "nodes": pa.schema(
        [
            ("id", _TEXT),
            ("label", _TEXT),
            ("type", _TEXT),
            ("aliases", _TEXTS),
            ("members", _TEXTS),
            ("mentions", pa.list_(_MENTION)),
        ]
    ),
    "statements": pa.schema(
        [
            ("id", _TEXT),
            ("subject", _TEXT),
            ("relation", _TEXT),
            ("relation_id", _TEXT),
            *((f"object_{name}", type) for name, type in _VALUE),
            ("score", _SCORE),
        ]
    ),
    "qualifiers": pa.schema(
        [
            ("statement", _TEXT),
            ("index", _OFFSET),
            ("label", _TEXT),
            ("label_id", _TEXT),
            *((f"value_{name}", type) for name, type in _VALUE),
            ("score", _SCORE),
        ]
    ),
    "evidence": pa.schema(
        [
            ("statement", _TEXT),
            ("index", _OFFSET),
            ("document", _TEXT),
            ("sentence_start", _OFFSET),
            ("sentence_end", _OFFSET),
            ("sentence_text", _TEXT),
            ("subject", _MENTION),
            ("relation", _TEXT),
            ("relation_id", _TEXT),
            ("object", _MENTION),
            ("qualifiers", pa.list_(_FACT_QUALIFIER)),
            ("score", _SCORE),
            ("model", _TEXT),
        ]
    ),
}


class ParquetExporter(Exporter):
    """A file a table; nothing of nodes and statements is lost, and no character of a text changes."""

    files = tuple(f"{name}.parquet" for name in SCHEMAS)

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the tables into the folder `path`."""
        rows = {
            "nodes": _nodes(graph),
            "statements": _statements(graph),
            "qualifiers": _qualifiers(graph),
            "evidence": _evidence(graph),
        }
        for name, schema in SCHEMAS.items():
            with pq.ParquetWriter(path / f"{name}.parquet", schema, compression="zstd") as writer:
                while group := list(islice(rows[name], _ROW_GROUP)):
                    writer.write_table(pa.Table.from_pylist(group, schema))


def _nodes(graph: Graph) -> Iterator[Record]:
    for node in graph.nodes.values():
        yield {
            "id": node.id,
            "label": node.label,
            "type": node.type,
            "aliases": list(node.aliases),
            "members": list(node.members),
            "mentions": [mention_record(mention) for mention in node.mentions],
        }


def _statements(graph: Graph) -> Iterator[Record]:
    for statement in graph.statements.values():
        yield {
            "id": statement.id,
            "subject": statement.subject,
            "relation": statement.relation,
            "relation_id": statement.relation_id,
            **{f"object_{name}": x for name, x in value_record(statement.object).items()},
            "score": statement.score,
        }


def _qualifiers(graph: Graph) -> Iterator[Record]:
    for statement in graph.statements.values():
        for index, qualifier in enumerate(statement.qualifiers):
            yield {
                "statement": statement.id,
                "index": index,
                **qualifier_record(qualifier),
                **{f"value_{name}": x for name, x in value_record(qualifier.value).items()},
            }


def _evidence(graph: Graph) -> Iterator[Record]:
    for statement in graph.statements.values():
        for index, fact in enumerate(statement.evidence):
            yield {"statement": statement.id, "index": index, **evidence_record(fact)}
