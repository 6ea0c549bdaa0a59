"""N-Quads: RDF for programs, a triple a line in the default graph (W3C, RDF 1.2 N-Quads)."""

from __future__ import annotations

from pathlib import Path

from extract.kg.export.rdf import graph_triples
from extract.kg.export.registry import STYLES, Exporter, RdfSettings
from extract.kg.structures import Graph


class NQuadsExporter(Exporter):
    """One file of sorted lines: equal graphs give equal files."""

    styles = STYLES

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the file."""
        triples = graph_triples(graph, rdf)
        from pyoxigraph import RdfFormat, serialize

        with open(path, "wb") as stream:
            serialize(triples, stream, format=RdfFormat.N_QUADS)
