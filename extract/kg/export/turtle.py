"""Turtle: RDF for people to read, with prefixes (W3C, RDF 1.2 Turtle; RDF 1.1's in the other styles)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.kg.export.rdf import graph_triples, prefixes_of
from extract.kg.export.registry import STYLES, Exporter, RdfSettings
from extract.kg.structures import Graph

if TYPE_CHECKING:
    from pyoxigraph import Triple

# Others are clearer as whole IRIs, and some parsers cannot read a name that ends in an escaped ".".
_SHORT = re.compile(r"[\w%/-]*")


class TurtleExporter(Exporter):
    """One file, sorted by subject."""

    styles = STYLES

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the file."""
        triples = graph_triples(graph, rdf)
        from extract.kg.rdf.turtle import turtle_body, turtle_head

        prefixes = _fitting(prefixes_of(rdf), triples)
        content = turtle_head(prefixes) + turtle_body(triples, prefixes)
        path.write_text(content, encoding="utf-8", newline="\n")


def _fitting(prefixes: dict[str, str], triples: list[Triple]) -> dict[str, str]:
    """The prefixes that are used and whose names all need no escapes, or next to none."""
    longest = sorted(prefixes.items(), key=lambda item: -len(item[1]))
    fits: dict[str, bool] = {}
    for iri in {iri for triple in triples for iri in _iris(triple)}:
        for prefix, namespace in longest:
            if iri.startswith(namespace):
                short = _SHORT.fullmatch(iri, len(namespace)) is not None
                fits[prefix] = fits.get(prefix, True) and short
                break
    return {prefix: namespace for prefix, namespace in prefixes.items() if fits.get(prefix)}


def _iris(term: Any) -> Iterator[str]:
    if hasattr(term, "predicate"):
        for part in (term.subject, term.predicate, term.object):
            yield from _iris(part)
    else:
        yield term.datatype.value if hasattr(term, "datatype") else term.value
