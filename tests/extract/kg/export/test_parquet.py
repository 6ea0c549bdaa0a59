"""Parquet tables read by pyarrow: everything is there, to the character."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from extract.kg.export import export_graph
from extract.kg.structures import Graph
from tests.extract.kg.export.hostile import hostile, small_graph
from tests.extract.kg.export.reading import (
    plain,
    plain_evidence,
    plain_qualifier,
    plain_value,
)


def tables(graph: Graph, folder: Path) -> dict[str, list[dict[str, Any]]]:
    export_graph(graph, "parquet", folder)
    return {file.stem: pq.read_table(file).to_pylist() for file in sorted(folder.iterdir())}


def test_small_graph_is_four_tables(tmp_path: Path) -> None:
    found = tables(small_graph(), tmp_path / "out")
    sizes = {name: len(rows) for name, rows in found.items()}
    assert sizes == {"nodes": 3, "statements": 2, "qualifiers": 3, "evidence": 3}
    born = found["statements"][1]
    assert (born["object_node"], born["object_lexical"], born["object_text"]) == (
        None,
        "1967",
        "in 1967",
    )
    assert [q["value_node"] for q in found["qualifiers"]] == [None, None, "e3"]
    assert [e["subject"]["text"] for e in found["evidence"]] == ["Ann Lee", "A. Lee", "Ann Lee"]


@hostile
def test_hostile_graph_reads_back(graph: Graph, tmp_path_factory: Any) -> None:
    found = tables(graph, tmp_path_factory.mktemp("parquet") / "out")
    assert found["nodes"] == [plain(node) for node in graph.nodes.values()]
    statements, qualifiers, evidence = [], [], []
    for statement in graph.statements.values():
        row = {key: plain(getattr(statement, key)) for key in ("id", "subject", "relation")}
        row |= {"relation_id": plain(statement.relation_id), "score": statement.score}
        row |= {f"object_{key}": value for key, value in plain_value(statement.object).items()}
        statements.append(row)
        for index, qualifier in enumerate(statement.qualifiers):
            row = plain_qualifier(qualifier)
            for key in ("node", "lexical", "datatype", "text"):
                row[f"value_{key}"] = row.pop(key)
            qualifiers.append(row | {"statement": statement.id, "index": index})
        for index, row in enumerate(plain_evidence(statement)):
            evidence.append(row | {"statement": statement.id, "index": index})
    assert found["statements"] == statements
    assert found["qualifiers"] == qualifiers
    assert found["evidence"] == evidence
