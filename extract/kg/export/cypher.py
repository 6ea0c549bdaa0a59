"""Cypher: parametrised statements that merge a graph into a Neo4j database that may hold others.

Every value is a parameter. Only labels and relationship types stand in the text, quoted. Statements are
merged on their identifiers, so loading twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from typing import Literal as OneOf

from extract.kg.export.cypher_names import constraints, neo4j_name, node_label, quoted
from extract.kg.export.property_graph import PropertyNode, edges, nodes
from extract.kg.export.registry import Exporter, RdfSettings
from extract.kg.structures import Graph

CONSTRAINTS, STATEMENTS, PARAMETERS = "constraints.cypher", "statements.cypher", "parameters.json"
BATCH_ROWS = 1000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CypherBatch:
    """A statement, the rows that its parameter `$rows` stands for, and what they are."""

    of: OneOf["nodes", "statements"]
    statement: str
    rows: list[Row]


class CypherExporter(Exporter):
    """The constraints, the statements, and the statements with their parameters as JSON.

    The JSON is the body that Neo4j's transactional HTTP endpoint takes.
    """

    files = (CONSTRAINTS, STATEMENTS, PARAMETERS)

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the files into the folder `path`."""
        lines = [f"{statement};\n" for statement in constraints(graph)]
        _write(path / CONSTRAINTS, "".join(lines))
        with open(path / PARAMETERS, "w", encoding="utf-8", newline="\n") as stream:
            seen: dict[str, None] = {}
            stream.write('{"statements": [')
            for i, batch in enumerate(batches(graph)):
                seen[batch.statement] = None
                item = {"statement": batch.statement, "parameters": {"rows": batch.rows}}
                stream.write(",\n" if i else "\n")
                stream.write(json.dumps(item, ensure_ascii=False))
            stream.write("\n]}\n")
        head = f"// $rows: see {PARAMETERS}. Run {CONSTRAINTS} first.\n"
        _write(path / STATEMENTS, head + "".join(f"\n{statement};\n" for statement in seen))


def batches(graph: Graph, batch_rows: int = BATCH_ROWS) -> Iterator[CypherBatch]:
    """The graph as statements with at most `batch_rows` rows each; all nodes come before the edges."""
    grouped: dict[str, list[Row]] = {}
    for node in nodes(graph):
        grouped.setdefault(_node_statement(node), []).append(
            {"id": node.id, "properties": node.properties}
        )
    yield from _split("nodes", grouped, batch_rows)
    grouped = {}
    for edge in edges(graph):
        relation = str(edge.properties["relation"])
        grouped.setdefault(_edge_statement(relation, edge.to_entity), []).append(
            {
                "id": edge.id,
                "start": edge.start,
                "end": edge.end,
                "properties": {"id": edge.id} | edge.properties,
            }
        )
    yield from _split("statements", grouped, batch_rows)


def _split(
    of: OneOf["nodes", "statements"], grouped: dict[str, list[Row]], batch_rows: int
) -> Iterator[CypherBatch]:
    for statement, rows in sorted(grouped.items()):
        left = iter(rows)
        while batch := list(islice(left, batch_rows)):
            yield CypherBatch(of, statement, batch)


def _node_statement(node: PropertyNode) -> str:
    """`+=` keeps what others have added to the node; what it has no more is null in the row."""
    label = node_label(node.properties["type"])
    lines = [
        "UNWIND $rows AS row",
        f"MERGE (n:{'Entity' if node.is_entity else 'Value'} {{id: row.id}})",
        "SET n += row.properties",
    ]
    return "\n".join([*lines, f"SET n:{quoted(label)}"] if label else lines)


def _edge_statement(relation: str, to_entity: bool) -> str:
    """`=` for all properties: a qualifier that a statement has no more leaves none behind."""
    return "\n".join(
        (
            "UNWIND $rows AS row",
            "MATCH (s:Entity {id: row.start})",
            f"MATCH (o:{'Entity' if to_entity else 'Value'} {{id: row.end}})",
            f"MERGE (s)-[r:{quoted(neo4j_name(relation))} {{id: row.id}}]->(o)",
            "SET r = row.properties",
        )
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
