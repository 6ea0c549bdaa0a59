"""What the RDF formats share: a graph's triples, once each and in a fixed order, and their prefixes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from extract.errors import OutputError
from extract.kg.export.registry import RdfSettings
from extract.kg.structures import Graph

if TYPE_CHECKING:
    from pyoxigraph import Triple

    from extract.kg.rdf import Names

_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


def graph_triples(graph: Graph, rdf: RdfSettings) -> list[Triple]:
    """The graph's triples, sorted, what a subject is first. Raises `OutputError` without pyoxigraph."""
    if find_spec("pyoxigraph") is None:
        raise OutputError(
            "RDF is written by pyoxigraph, which is not installed. Install it with: "
            "pip install 'tripack[graph]'"
        )
    from extract.kg.rdf import graph_quads

    style = rdf.style or "rdf12"
    found = {quad.triple for quad in graph_quads(graph, style=style, names=_names(rdf))}
    return sorted(found, key=_order)


def prefixes_of(rdf: RdfSettings) -> dict[str, str]:
    """The prefixes of the vocabularies and of the graph's own IRIs."""
    return _names(rdf).prefixes


def _names(rdf: RdfSettings) -> Names:
    from extract.kg.rdf import Names

    return Names() if rdf.namespace is None else Names(rdf.namespace)


def _order(triple: Triple) -> tuple[str, bool, str, str]:
    predicate = str(triple.predicate)
    return str(triple.subject), predicate != _TYPE, predicate, str(triple.object)
