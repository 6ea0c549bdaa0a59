"""Turtle read by other parsers: rdflib where it is RDF 1.1, pyoxigraph for RDF 1.2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extract.kg.export import export_graph
from extract.kg.structures import Graph
from tests.extract.kg.export.hostile import hostile, small_graph
from tests.extract.kg.export.reading import XSD, by_oxigraph, by_rdflib, mapped
from tests.extract.kg.export.statements import stated


@pytest.mark.parametrize("style", ["rdf12", "wikidata", "reification"])
@hostile
def test_hostile_graph_reads_back(style: str, graph: Graph, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("turtle") / "g.ttl"
    export_graph(graph, "turtle", path, style=style)
    content = path.read_bytes()
    found = by_oxigraph(content, "TURTLE")
    assert found == mapped(graph, style)
    assert len(stated(found)) == len(graph.statements)
    if style != "rdf12":
        assert by_rdflib(content.decode(), "turtle") == found


def test_default_style_is_rdf12_with_prefixes(tmp_path: Path) -> None:
    export_graph(small_graph(), "turtle", tmp_path / "g.ttl")
    content = (tmp_path / "g.ttl").read_text(encoding="utf-8")
    assert "rdf:reifies <<( ent:e1 wdt:P108 ent:e2 )>>" in content
    assert 'rdfs:label "Ann Lee"' in content


def test_namespace_is_that_of_the_graph(tmp_path: Path) -> None:
    export_graph(small_graph(), "turtle", tmp_path / "g.ttl", namespace="https://example.org/kg/")
    found = by_oxigraph((tmp_path / "g.ttl").read_bytes(), "TURTLE")
    assert "https://example.org/kg/statement/s1" in stated(found)


@pytest.mark.parametrize("style", ["wikidata", "reification"])
def test_statements_qualifiers_and_evidence_as_rdflib_sees_them(tmp_path: Path, style: str) -> None:
    export_graph(small_graph(), "turtle", tmp_path / "g.ttl", style=style)
    content = (tmp_path / "g.ttl").read_text(encoding="utf-8")
    found = stated(by_rdflib(content, "turtle"))
    works, born = (found[f"urn:tripack:statement/{id}"] for id in ("s1", "s2"))
    entity = "urn:tripack:entity/e"
    assert (works.subject, works.object) == (f"{entity}1", f"{entity}2")
    assert works.predicate.rpartition("/")[2] == "P108"
    assert (works.scores, len(works.evidence)) == ({0.95}, 2)
    point, position = "urn:tripack:relation/qualifier/point_in_time", "P39"
    year = f"{XSD}gYear"
    assert {(p.rpartition("/")[2] if "P39" in p else p, v) for p, v in works.qualifiers} == {
        (point, (year, "1967")),
        (point, (year, "1968")),
        (position, f"{entity}3"),
    }
    assert (born.object, born.scores, born.qualifiers) == ((year, "1967"), {0.25}, set())
