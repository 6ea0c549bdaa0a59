"""N-Quads read by other parsers, and the same for equal graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extract.kg.export import export_graph
from extract.kg.structures import Graph
from tests.extract.kg.export.hostile import hostile, small_graph
from tests.extract.kg.export.reading import by_oxigraph, by_rdflib, mapped
from tests.extract.kg.export.statements import stated


@pytest.mark.parametrize("style", ["rdf12", "wikidata", "reification"])
@hostile
def test_hostile_graph_reads_back(style: str, graph: Graph, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("nquads") / "g.nq"
    export_graph(graph, "nquads", path, style=style)
    content = path.read_bytes()
    found = by_oxigraph(content, "N_QUADS")
    assert found == mapped(graph, style)
    assert len(stated(found)) == len(graph.statements)
    assert content.count(b"\n") == len(found)
    if style != "rdf12":
        assert by_rdflib(content.decode(), "nquads") == found


def test_order_of_the_graph_changes_nothing(tmp_path: Path) -> None:
    graph = small_graph()
    turned = Graph(dict(reversed(graph.nodes.items())), dict(reversed(graph.statements.items())))
    export_graph(graph, "nquads", tmp_path / "a.nq")
    export_graph(turned, "nquads", tmp_path / "b.nq")
    lines = (tmp_path / "a.nq").read_bytes()
    assert lines == (tmp_path / "b.nq").read_bytes() and b"reifies> <<( <" in lines
