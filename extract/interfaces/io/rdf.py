"""Documents as RDF: each resolved by itself, in the terms that stored graphs use."""

from __future__ import annotations

from pyoxigraph import NamedNode, Quad, RdfFormat, serialize

from extract.interfaces.io.writers import Writer
from extract.kg.builder import build_graph
from extract.kg.facts import facts_of
from extract.kg.rdf import Names, Run, graph_quads
from extract.kg.rdf.turtle import turtle_body, turtle_head
from extract.structures import Document


class RdfWriter(Writer):
    """Turtle, or N-Quads with a graph a document, which keeps apart what two documents say of one fact.

    In Turtle a statement of several documents has a score by each. See `docs/graph-store.md`.
    """

    def __init__(self, name: str) -> None:
        self._names = Names()
        self._quads = name == "nquads"
        self.header = "" if self._quads else turtle_head(self._names.prefixes)

    def render(self, document: Document) -> str:
        """The document's triples, complete by themselves but for the header's prefixes."""
        facts = facts_of(document)
        run = Run(facts.document, facts.model, facts.digest)
        quads = dict.fromkeys(graph_quads(build_graph([facts]), names=self._names, runs=[run]))
        if not self._quads:
            return turtle_body((quad.triple for quad in quads), self._names.prefixes)
        graph = NamedNode(self._names.document(document.id))
        own = [Quad(q.subject, q.predicate, q.object, graph) for q in quads]
        return (serialize(own, format=RdfFormat.N_QUADS) or b"").decode("utf-8")
