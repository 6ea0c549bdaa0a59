"""Files for neo4j-admin, read by its documented rules."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.kg.export import export_graph
from extract.kg.structures import Graph, Value
from tests.extract.kg.export.hostile import hostile, small_graph
from tests.extract.kg.export.importer import Imported, import_full
from tests.extract.kg.export.reading import (
    from_json,
    plain_evidence,
    plain_mentions,
    plain_qualifier,
    whole,
)


def written(graph: Graph, folder: Path) -> Imported:
    export_graph(graph, "neo4j-csv", folder)
    return import_full(folder, "\x1f")


def test_small_graph_is_imported(tmp_path: Path) -> None:
    found = written(small_graph(), tmp_path / "out")
    assert found.nodes["e1"][":LABEL"] == ["Entity", "PER"]
    assert found.nodes["e3"][":LABEL"] == ["Entity"]
    assert "type" not in found.nodes["e3"]
    first, second = found.relationships
    assert (first[":START_ID"], first[":TYPE"], first[":END_ID"]) == ("e1", "works for", "e2")
    assert (first["id"], first["score"], first["n_evidence"]) == ("s1", 0.95, 2)
    assert first["q_point_in_time"] == ["in 1967", "1968"] and first["q_position_held"] == ["boss"]
    year = found.nodes[second[":END_ID"]]
    assert (year[":LABEL"], year["lexical"], year["datatype"]) == (["Value"], "1967", "gYear")
    assert second["object_text"] == "in 1967"


@hostile
def test_hostile_graph_is_imported(graph: Graph, tmp_path_factory: Any) -> None:
    found = written(graph, tmp_path_factory.mktemp("csv") / "out")
    entities = {id: row for id, row in found.nodes.items() if row["kind"] == "entity"}
    assert entities.keys() == graph.nodes.keys()
    for id, node in graph.nodes.items():
        row = entities[id]
        assert row["label"] == whole(node.label)
        assert row.get("type", "") == whole(node.type or "")
        spaced = [whole(alias).replace("\x1f", " ") for alias in node.aliases]
        assert row.get("aliases", []) == spaced
        assert from_json(row.get("mentions", [])) == plain_mentions(node.mentions)
    assert [row["id"] for row in found.relationships] == list(graph.statements)
    for row in found.relationships:
        statement = graph.statements[row["id"]]
        assert row[":START_ID"] == statement.subject
        if isinstance(statement.object, Value):
            value = found.nodes[row[":END_ID"]]
            assert value["lexical"] == whole(statement.object.lexical)
            assert value["datatype"] == statement.object.datatype
            assert row["object_text"] == whole(statement.object.text)
        else:
            assert row[":END_ID"] == statement.object
        assert row.get("relation", "") == whole(statement.relation)
        assert row["score"] == statement.score
        assert from_json(row["evidence"]) == plain_evidence(statement)
        expected = [plain_qualifier(q) for q in statement.qualifiers]
        assert from_json(row.get("qualifiers", [])) == expected
        assert sum(len(row[key]) for key in row if key.startswith("q_")) == len(expected)


@pytest.mark.parametrize(
    ("n_characters", "option"), [(2**21, None), (2**22, "16m"), (9 * 2**20, "32m")]
)
def test_command_asks_for_a_buffer_that_holds_the_longest_line(
    n_characters: int, option: str | None, tmp_path: Path
) -> None:
    graph = small_graph()
    node = replace(graph.nodes["e1"], label="x" * n_characters)
    export_graph(replace(graph, nodes={**graph.nodes, "e1": node}), "neo4j-csv", tmp_path / "out")
    content = (tmp_path / "out" / "constraints.cypher").read_text(encoding="utf-8")
    found = re.findall(r"--read-buffer-size=(\w+)$", content, re.MULTILINE)
    assert found == ([option] if option else [])


def test_command_in_the_comment_names_the_files_and_the_delimiter(tmp_path: Path) -> None:
    written(small_graph(), tmp_path / "out")
    content = (tmp_path / "out" / "constraints.cypher").read_text(encoding="utf-8")
    (line,) = re.findall(r"^// (neo4j-admin .*)$", content, re.MULTILINE)
    words = shlex.split(line)
    assert words[:5] == ["neo4j-admin", "database", "import", "full", "neo4j"]
    options = dict(word.removeprefix("--").split("=", 1) for word in words[5:])
    for files in (options["nodes"], options["relationships"]):
        header, data = files.split(",")
        assert header.endswith("-header.csv")
        assert (tmp_path / "out" / header).exists() and (tmp_path / "out" / data).exists()
    assert (options["array-delimiter"], options["multiline-fields"]) == ("U+001F", "true")
    statements = [line for line in content.splitlines() if not line.startswith("//") and line]
    assert len(statements) == 4 and all(line.endswith("IS UNIQUE;") for line in statements)
