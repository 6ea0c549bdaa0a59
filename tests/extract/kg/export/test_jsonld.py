"""JSON-LD read by two processors, and as the plain JSON that it also is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyld import jsonld

from extract.errors import OutputError
from extract.kg.export import export_graph
from extract.kg.structures import Graph, Value
from tests.extract.kg.export.hostile import hostile, small_graph
from tests.extract.kg.export.reading import by_oxigraph, by_rdflib, literal, mapped
from tests.extract.kg.export.statements import stated

STYLES = pytest.mark.parametrize("style", ["wikidata", "reification"])
SUBJECT = "http://www.w3.org/1999/02/22-rdf-syntax-ns#subject"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


def written(graph: Graph, path: Path, style: str | None = None) -> str:
    export_graph(graph, "jsonld", path, style=style)
    return path.read_text(encoding="utf-8")


def by_pyld(content: str) -> set[tuple[Any, ...]]:
    """The triples of a file as PyLD's N-Quads have them: the reference implementation in Python."""
    return by_oxigraph(
        jsonld.to_rdf(json.loads(content), {"format": "application/n-quads"}).encode(), "N_QUADS"
    )


@STYLES
@hostile
def test_hostile_graph_reads_back(style: str, graph: Graph, tmp_path_factory: Any) -> None:
    content = written(graph, tmp_path_factory.mktemp("jsonld") / "g.jsonld", style)
    found = by_rdflib(content, "json-ld")
    assert found == mapped(graph, style)
    assert by_pyld(content) == found
    assert len(stated(found)) == len(graph.statements)


def test_json_holds_statements_in_entities_and_qualifiers_in_statements(tmp_path: Path) -> None:
    content = json.loads(written(small_graph(), tmp_path / "g.jsonld"))
    by_id = {item["id"]: item for item in content["@graph"]}
    ann = by_id["ent:e1"]
    assert (ann["label"], ann["type"], ann["aliases"]) == ("Ann Lee", "types:PER", ["A. Lee"])
    works, born = ann["statements"]
    assert (works["relation"], works["object"], works["score"]) == (
        "wdt:P108",
        {"id": "ent:e2"},
        0.95,
    )
    assert born["object"] == {"@value": "1967", "@type": "xsd:gYear"}
    assert sorted(q["score"] for q in works["qualifiers"]) == [0.25, 0.5, 0.75]
    assert sorted(e["score"] for e in works["evidence"]) == [0.5, 0.9]
    assert {(m["text"], m["start"], m["end"]) for m in ann["mentions"]} == {
        ("Ann Lee", 0, 7),
        ("A. Lee", 4, 10),
    }


@STYLES
@pytest.mark.parametrize(
    "relation", [SUBJECT, TYPE, "urn:tripack:ns:score", "http://www.w3.org/ns/prov#wasDerivedFrom"]
)
def test_relation_named_like_a_word_of_the_file_keeps_its_meaning(
    tmp_path: Path, style: str, relation: str
) -> None:
    """Entities in a circle, one of them of a literal: neither nesting nor a datatype may hide them."""
    graph = small_graph()
    first = graph.statements["s1"]
    ends = [
        ("e1", "e2"),
        ("e2", "e3"),
        ("e3", "e1"),
        ("e2", "e2"),
        ("e1", Value("x", "string", "x")),
    ]
    statements = {
        f"s{i}": replace(first, id=f"s{i}", subject=s, object=o, relation_id=relation)
        for i, (s, o) in enumerate(ends)
    }
    graph = Graph(graph.nodes, statements)
    content = written(graph, tmp_path / "g.jsonld", style)
    expected = mapped(graph, style)
    assert by_rdflib(content, "json-ld") == expected
    assert by_pyld(content) == expected


def test_long_chain_of_subjects_does_not_nest_without_end(tmp_path: Path) -> None:
    graph = small_graph()
    first = graph.statements["s1"]
    nodes = {f"n{i}": replace(graph.nodes["e1"], id=f"n{i}", mentions=()) for i in range(400)}
    statements = {
        f"s{i}": replace(
            first,
            id=f"s{i}",
            subject=f"n{i}",
            object=f"n{i + 1}",
            relation_id=SUBJECT,
            qualifiers=(),
        )
        for i in range(399)
    }
    content = written(Graph(nodes, statements), tmp_path / "g.jsonld")
    assert by_oxigraph(content.encode(), "JSON_LD") == mapped(
        Graph(nodes, statements), "reification"
    )


def test_rdf12_cannot_be_written(tmp_path: Path) -> None:
    message = "format jsonld cannot hold style 'rdf12'. Expected one of: reification, wikidata"
    with pytest.raises(OutputError, match=message):
        written(small_graph(), tmp_path / "g.jsonld", "rdf12")
    assert list(tmp_path.iterdir()) == []


def test_doubles_are_compared_by_value() -> None:
    double = "http://www.w3.org/2001/XMLSchema#double"
    assert literal("9.5E-1", double) == literal("0.95", double) != literal("0.951", double)
