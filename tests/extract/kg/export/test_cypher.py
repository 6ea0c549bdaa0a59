"""Cypher: statements as they should be to the letter, and parameters that hold all the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from extract.errors import OutputError
from extract.kg.export import export_graph
from extract.kg.export.cypher import batches
from extract.kg.export.cypher_names import neo4j_name, quoted
from extract.kg.structures import Graph, Value
from tests.extract.kg.export.hostile import HOSTILE, hostile, small_graph
from tests.extract.kg.export.opencypher import clauses
from tests.extract.kg.export.reading import (
    from_json,
    plain_evidence,
    plain_mentions,
    plain_qualifier,
    whole,
)

GOLDEN = Path(__file__).parent / "golden"
# A quoted name that every Cypher reads alike, whatever it makes of two backticks or of \u0060.
NAME = r"`([^`\\\x00-\x1f\x7f-\x9f\u2028\u2029]+)`"
NODES = re.compile(
    r"UNWIND \$rows AS row\nMERGE \(n:(Entity|Value) \{id: row\.id\}\)\nSET n \+= row\.properties"
    rf"(?:\nSET n:{NAME})?"
)
EDGES = re.compile(
    r"UNWIND \$rows AS row\nMATCH \(s:Entity \{id: row\.start\}\)\n"
    r"MATCH \(o:(Entity|Value) \{id: row\.end\}\)\n"
    rf"MERGE \(s\)-\[r:{NAME} \{{id: row\.id\}}\]->\(o\)\nSET r = row\.properties"
)
CONSTRAINT = re.compile(
    r"CREATE CONSTRAINT \w+ IF NOT EXISTS FOR "
    rf"(?:\(n:(?:Entity|Value)\) REQUIRE n|\(\)-\[r:{NAME}\]-\(\) REQUIRE r)\.id IS UNIQUE;"
)


@pytest.mark.parametrize("file", ["constraints.cypher", "statements.cypher", "parameters.json"])
def test_small_graph_gives_the_golden_files(file: str, tmp_path: Path) -> None:
    export_graph(small_graph(), "cypher", tmp_path / "out")
    written = (tmp_path / "out" / file).read_text(encoding="utf-8")
    assert written == (GOLDEN / file).read_text(encoding="utf-8")


@hostile
def test_hostile_graph_is_in_the_parameters_alone(graph: Graph, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("cypher") / "out"
    export_graph(graph, "cypher", folder)
    constraints = (folder / "constraints.cypher").read_text(encoding="utf-8").split("\n")
    assert constraints.pop() == "" and all(CONSTRAINT.fullmatch(line) for line in constraints)
    items = json.loads((folder / "parameters.json").read_text(encoding="utf-8"))["statements"]
    text = (folder / "statements.cypher").read_text(encoding="utf-8")
    nodes: dict[str, Any] = {}
    edges: dict[str, Any] = {}
    for item in items:
        assert f"\n{item['statement']};\n" in text
        rows = item["parameters"]["rows"]
        read = clauses(item["statement"])
        if match := NODES.fullmatch(item["statement"]):
            assert not edges  # a relationship's ends are there before it
            assert read in (("unwind", "merge", "set"), ("unwind", "merge", "set", "set"))
            nodes |= {row["id"]: (match.groups(), row["properties"]) for row in rows}
        else:
            match = EDGES.fullmatch(item["statement"])
            assert match is not None and read == ("unwind", "match", "match", "merge", "set")
            edges |= {row["id"]: (match.groups(), row) for row in rows}
    assert edges.keys() == graph.statements.keys()
    check_nodes(graph, nodes)
    check_edges(graph, nodes, edges)


def check_nodes(graph: Graph, nodes: dict[str, Any]) -> None:
    assert {id for id, ((of, _), _) in nodes.items() if of == "Entity"} == graph.nodes.keys()
    for id, node in graph.nodes.items():
        (_, name), row = nodes[id]
        expected = None if node.type is None else neo4j_name(whole(node.type))
        assert name == expected
        assert row["label"] == whole(node.label)
        assert row["type"] == (None if node.type is None else whole(node.type))
        assert row["aliases"] == [whole(alias) for alias in node.aliases]
        assert from_json(row["mentions"]) == plain_mentions(node.mentions)


def check_edges(graph: Graph, nodes: dict[str, Any], edges: dict[str, Any]) -> None:
    for id, statement in graph.statements.items():
        (of, name), row = edges[id]
        properties = row["properties"]
        assert name == neo4j_name(whole(statement.relation))
        assert properties["relation"] == whole(statement.relation)
        assert row["start"] == statement.subject
        if isinstance(statement.object, Value):
            value = nodes[row["end"]][1]
            assert (of, value["lexical"]) == ("Value", whole(statement.object.lexical))
            assert properties["object_text"] == whole(statement.object.text)
        else:
            assert (of, row["end"]) == ("Entity", statement.object)
        assert (properties["id"], properties["score"]) == (id, statement.score)
        expected = [plain_qualifier(q) for q in statement.qualifiers]
        assert from_json(properties["qualifiers"]) == expected
        assert from_json(properties["evidence"]) == plain_evidence(statement)


def test_a_name_that_ended_its_quotes_would_be_seen() -> None:
    inside = "a`) DETACH DELETE n //"
    assert clauses(f"MATCH (n:{quoted(inside)}) RETURN n") == ("match", "return")
    assert clauses(f"MATCH (n:`{inside}`) RETURN n") == ("match", "delete")
    with pytest.raises(ValueError, match="line 1"):
        clauses("MATCH (n:`a`b`) RETURN n")


@pytest.mark.parametrize("name", [*HOSTILE, "", "`", "``", "\\`", "\\u0060", "a`b"])
def test_no_name_ends_its_quotes(name: str) -> None:
    assert re.fullmatch(NAME, quoted(whole(name)))


def test_plain_names_stay_as_they_are() -> None:
    assert quoted("works for") == "`works for`"
    assert quoted("gehört zu’s «Ärzten»") == "`gehört zu’s «Ärzten»`"
    assert quoted("a`b") == "`a_b`"


def test_batches_have_so_many_rows_at_most_and_all_of_them() -> None:
    graph = small_graph()
    one = list(batches(graph, 1))
    assert [len(batch.rows) for batch in one] == [1] * 6
    assert sum(len(batch.rows) for batch in batches(graph, 1000)) == 6


def test_nothing_is_left_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("extract.kg.export.cypher.json.dumps", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        export_graph(small_graph(), "cypher", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
