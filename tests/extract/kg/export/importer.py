"""Reads CSV as `neo4j-admin database import full` does, strictly, with the options of our command.

After the Neo4j Operations Manual, "Import", its lists of key considerations and its sections on header
formats: NAME:TYPE columns; one :ID, :START_ID, :END_ID and :TYPE; every identifier unique; both ends of a
relationship among the nodes; quotes doubled inside quotes; array items divided by one character; an empty
field is no property.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCALARS = {
    *("int", "long", "float", "double", "boolean", "byte", "short", "char", "string"),
    *("point", "date", "localtime", "time", "localdatetime", "datetime", "duration"),
}
ROLES = {
    "nodes": {"ID": 1, "LABEL": 1},
    "relationships": {"START_ID": 1, "END_ID": 1, "TYPE": 1},
}
csv.field_size_limit(10**8)


@dataclass
class Imported:
    """Nodes by identifier, relationships in file order; labels, types and ends under ":ROLE"."""

    nodes: dict[str, dict[str, Any]]
    relationships: list[dict[str, Any]]


def import_full(folder: Path, array_delimiter: str) -> Imported:
    """What the database would hold. Any breach of the rules fails."""
    nodes: dict[str, dict[str, Any]] = {}
    for row in _rows(folder, "nodes", array_delimiter):
        assert row[":ID"] and row[":ID"] not in nodes, f"identifier {row[':ID']!r} twice or empty"
        assert row[":LABEL"] and all(row[":LABEL"]), "a label is empty"
        nodes[row[":ID"]] = row
    relationships = _rows(folder, "relationships", array_delimiter)
    for row in relationships:
        assert row[":START_ID"] in nodes and row[":END_ID"] in nodes, "an end is no node"
        assert row[":TYPE"], "a relationship has no type"
    return Imported(nodes, relationships)


def _rows(folder: Path, name: str, array_delimiter: str) -> list[dict[str, Any]]:
    columns = _columns(folder, name)
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as stream:
        made = []
        for cells in csv.reader(stream, strict=True):
            assert len(cells) == len(columns), f"{len(cells)} fields for {len(columns)} columns"
            row: dict[str, Any] = {}
            for (property, type, role), cell in zip(columns, cells, strict=True):
                value = _value(cell, type, array_delimiter)
                if role:
                    row[f":{role}"] = value
                if property and value is not None:
                    row[property] = value
            made.append(row)
    return made


def _columns(folder: Path, name: str) -> list[tuple[str, str, str]]:
    """Of each column its property, type and role; one of property and role may be empty."""
    with open(folder / f"{name}-header.csv", encoding="utf-8", newline="") as stream:
        (header,) = csv.reader(stream, strict=True)
    columns = []
    for field in header:
        property, _, type = field.partition(":")
        role = type if type in ROLES[name] else ""
        type = "string[]" if role == "LABEL" else "string" if role or not type else type
        assert property or role, f"column {field!r} is neither a property nor a role"
        assert type.removesuffix("[]") in SCALARS, f"column {field!r} has no known type"
        columns.append((property, type, role))
    roles = [role for _, _, role in columns if role]
    assert {role: roles.count(role) for role in roles} == ROLES[name]
    named = [property for property, _, _ in columns if property]
    assert len(named) == len(set(named)), "two columns have one name"
    return columns


def _value(cell: str, type: str, array_delimiter: str) -> Any:
    if cell == "":
        return None
    if type.endswith("[]"):
        return cell.split(array_delimiter)
    return float(cell) if type == "double" else int(cell) if type == "long" else cell
