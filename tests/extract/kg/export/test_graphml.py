"""GraphML read by networkx: the same nodes, edges and texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import networkx as nx

from extract.kg.export import export_graph
from extract.kg.structures import Graph, Value
from tests.extract.kg.export.hostile import hostile, small_graph
from tests.extract.kg.export.reading import (
    plain_evidence,
    plain_mentions,
    plain_qualifier,
    whole,
)


def read(path: Path) -> nx.MultiDiGraph:
    return nx.read_graphml(path, force_multigraph=True, edge_key_type=str)


def exact(data: dict[str, Any], name: str) -> str | None:
    """A string as the graph has it."""
    return json.loads(data[f"{name}_exact"]) if f"{name}_exact" in data else data.get(name)


def test_small_graph_has_its_nodes_values_and_edges(tmp_path: Path) -> None:
    export_graph(small_graph(), "graphml", tmp_path / "g.graphml")
    found = read(tmp_path / "g.graphml")
    assert found.is_directed()
    assert [found.nodes[id]["label"] for id in ("e1", "e2", "e3")] == ["Ann Lee", "Acme", "boss"]
    assert "type" not in found.nodes["e3"]
    edges = {
        key: (source, target, data)
        for source, target, key, data in found.edges(keys=True, data=True)
    }
    assert edges.keys() == {"s1", "s2"}
    source, target, data = edges["s1"]
    assert (source, target, data["relation"], data["score"]) == ("e1", "e2", "works for", 0.95)
    assert json.loads(data["q_point_in_time"]) == ["in 1967", "1968"]
    assert json.loads(data["documents"]) == ["d1", "d2"]
    year = found.nodes[edges["s2"][1]]
    assert (year["kind"], year["lexical"], year["datatype"]) == ("value", "1967", "gYear")
    assert edges["s2"][2]["object_text"] == "in 1967"


@hostile
def test_hostile_graph_reads_back(graph: Graph, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("graphml") / "g.graphml"
    export_graph(graph, "graphml", path)
    found = read(path)
    entities = {id for id, data in found.nodes(data=True) if data["kind"] == "entity"}
    assert entities == graph.nodes.keys()
    for id, node in graph.nodes.items():
        data = found.nodes[id]
        assert exact(data, "label") == whole(node.label)
        assert exact(data, "type") == (None if node.type is None else whole(node.type) or None)
        assert json.loads(data.get("aliases", "[]")) == [whole(alias) for alias in node.aliases]
        assert json.loads(data["members"]) == list(node.members)
        assert json.loads(data.get("mentions", "[]")) == plain_mentions(node.mentions)
    edges = list(found.edges(keys=True, data=True))
    assert len(edges) == len(graph.statements)
    for source, target, key, data in edges:
        statement = graph.statements[key]
        assert source == statement.subject
        if isinstance(statement.object, Value):
            value = found.nodes[target]
            assert exact(value, "lexical") == whole(statement.object.lexical)
            assert value["datatype"] == statement.object.datatype
            assert exact(data, "object_text") == whole(statement.object.text)
        else:
            assert target == statement.object
        assert (exact(data, "relation") or "") == whole(statement.relation)
        assert (data["score"], data["n_evidence"]) == (statement.score, len(statement.evidence))
        assert json.loads(data["evidence"]) == plain_evidence(statement)
        assert json.loads(data.get("qualifiers", "[]")) == [
            plain_qualifier(q) for q in statement.qualifiers
        ]


def test_character_that_xml_lacks_is_replaced_and_kept_beside(tmp_path: Path) -> None:
    graph = small_graph()
    (name, node), *_ = graph.nodes.items()
    object.__setattr__(node, "label", "a\x00b\rc\uffff")
    export_graph(graph, "graphml", tmp_path / "g.graphml")
    data = read(tmp_path / "g.graphml").nodes[name]
    assert data["label"] == "a\ufffdb\rc\ufffd"
    assert json.loads(data["label_exact"]) == "a\x00b\rc\uffff"
    content = (tmp_path / "g.graphml").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", content)
