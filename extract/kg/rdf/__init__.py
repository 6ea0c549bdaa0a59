"""A graph as RDF: IRIs, three ways to say things about a statement, and where everything came from.

`graph_quads` is all most callers need. It asks for the extra `graph` (pyoxigraph).
"""

from extract.kg.rdf.mapping import Run, graph_quads, runs_of
from extract.kg.rdf.names import DEFAULT_NAMESPACE, Names
from extract.kg.rdf.styles import STYLES, make_style

__all__ = ["DEFAULT_NAMESPACE", "STYLES", "Names", "Run", "graph_quads", "make_style", "runs_of"]
