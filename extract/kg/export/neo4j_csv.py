"""CSV files for `neo4j-admin database import full`, which fills an empty Neo4j database fastest.

Header files name the columns as NAME:TYPE (Neo4j Operations Manual, "Import", section "CSV header format").
Array items are divided by U+001F, which is there for that purpose and in no text; commas, semicolons, quotes
and line breaks therefore stay as they are. A field that is empty without quotes is no property at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from extract.kg.export.cypher_names import constraints, neo4j_name, node_label
from extract.kg.export.property_graph import (
    EDGE_PROPERTIES,
    NODE_PROPERTIES,
    Property,
    edges,
    nodes,
    qualifier_keys,
)
from extract.kg.export.registry import Exporter, RdfSettings
from extract.kg.structures import Graph

ARRAY_DELIMITER = "\x1f"
NODES, RELATIONSHIPS = "nodes", "relationships"
CONSTRAINTS = "constraints.cypher"

_USUAL_BUFFER = 4 * 2**20  # bytes: the importer's own, which must hold the longest field

_COMMAND = """\
// Constraints of an imported tripack graph: run them once the database is online.
//
// Import, in this folder, into a database that does not exist yet or is empty:
//
// neo4j-admin database import full neo4j --nodes=nodes-header.csv,nodes.csv \
--relationships=relationships-header.csv,relationships.csv --array-delimiter=U+001F \
--multiline-fields=true --id-type=string{buffer}
//
// then, with the database started: cypher-shell -f constraints.cypher

"""


class Neo4jCsvExporter(Exporter):
    """Nodes and relationships, a header file for each, and the constraints, which the import makes not.

    U+001F inside an array item other than JSON is written as a space.
    """

    files = (
        f"{NODES}-header.csv",
        f"{NODES}.csv",
        f"{RELATIONSHIPS}-header.csv",
        f"{RELATIONSHIPS}.csv",
        CONSTRAINTS,
    )

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the files into the folder `path`."""
        edge_columns = EDGE_PROPERTIES | dict.fromkeys(qualifier_keys(graph), "string[]")
        node_header = ["id:ID", *_headers(NODE_PROPERTIES), ":LABEL"]
        edge_header = [":START_ID", "id", *_headers(edge_columns), ":END_ID", ":TYPE"]
        _write_lines(path / f"{NODES}-header.csv", [",".join(node_header)])
        longest = _write_lines(path / f"{NODES}.csv", _node_lines(graph))
        _write_lines(path / f"{RELATIONSHIPS}-header.csv", [",".join(edge_header)])
        lines = _edge_lines(graph, list(edge_columns))
        longest = max(longest, _write_lines(path / f"{RELATIONSHIPS}.csv", lines))
        with open(path / CONSTRAINTS, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(_COMMAND.format(buffer=_buffer_option(longest)))
            stream.writelines(f"{statement};\n" for statement in constraints(graph))


def _headers(columns: dict[str, str]) -> list[str]:
    return [name if type == "string" else f"{name}:{type}" for name, type in columns.items()]


def _node_lines(graph: Graph) -> Iterator[str]:
    for node in nodes(graph):
        labels = ["Entity", node_label(node.properties["type"])] if node.is_entity else ["Value"]
        cells: list[Property] = [node.id, *node.properties.values()]
        yield _line([*cells, [label for label in dict.fromkeys(labels) if label]])


def _edge_lines(graph: Graph, columns: list[str]) -> Iterator[str]:
    for edge in edges(graph):
        cells = [edge.properties.get(name) for name in columns]
        relation = str(edge.properties["relation"])
        yield _line([edge.start, edge.id, *cells, edge.end, neo4j_name(relation)])


def _line(cells: list[Property]) -> str:
    return ",".join(map(_cell, cells))


def _cell(value: Property) -> str:
    """A field by the importer's rules: quotes inside quotes doubled, backslashes as they are."""
    if value is None or value == []:
        return ""
    if isinstance(value, float | int):
        return repr(value)
    if isinstance(value, list):
        value = ARRAY_DELIMITER.join(item.replace(ARRAY_DELIMITER, " ") for item in value)
    return '"' + value.replace('"', '""') + '"'


def _write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines; the bytes of the longest, which no field of it exceeds."""
    longest = 0
    with open(path, "wb") as stream:
        for line in lines:
            longest = max(longest, stream.write(f"{line}\n".encode()))
    return longest


def _buffer_option(longest: int) -> str:
    if longest < _USUAL_BUFFER:
        return ""
    megabytes = (2 * longest).bit_length() - 20
    return f" --read-buffer-size={2**megabytes}m"
