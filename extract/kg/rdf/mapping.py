"""A `Graph` as RDF quads.

    document ◄─prov:used─ run ─prov:wasAssociatedWith─► model
       ▲                   ▲
       │ oa:hasSource      │ prov:wasGeneratedBy
       └───── evidence ────┘ ◄─prov:wasDerivedFrom─ statement
                 │ oa:hasSelector, tp:subject, tp:object, tp:qualifier
                 ▼
            spans: oa:start, oa:end, oa:exact ─itsrdf:taIdentRef─► entity

Every IRI follows from content, there are no blank nodes and no times, so equal graphs give equal quads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode, Quad

from extract.kg.rdf.names import Names
from extract.kg.rdf.styles import LABEL, TYPE, Part, Stated, Style, Term, clean, make_style
from extract.kg.rdf.vocabulary import term
from extract.kg.structures import DocumentFacts, Fact, Graph, Mention, Node, Statement, Value

_DIGITS = 6  # of a score, after the point


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """The run of a model over a document; `digest` says what of it (see `DocumentFacts`)."""

    document: str
    model: str
    digest: str | None = None


def runs_of(documents: Iterable[DocumentFacts]) -> list[Run]:
    """The runs that gave these facts."""
    return [Run(one.document, one.model, one.digest) for one in documents]


def graph_quads(
    graph: Graph,
    *,
    style: str | Style = "rdf12",
    names: Names | None = None,
    runs: Iterable[Run] = (),
) -> Iterator[Quad]:
    """Everything a graph says, as quads of the default graph; some come twice.

    Args:
        style: "rdf12", "wikidata" or "reification", or a style of your own.
        names: how IRIs are made.
        runs: the runs to describe besides those that the evidence names, such as those that found
            nothing.
    """
    parts = _Mapping(
        graph, make_style(style) if isinstance(style, str) else style, names or Names()
    )
    for subject, predicate, object_ in parts.all(runs):
        yield Quad(subject, predicate, object_)


class _Mapping:
    def __init__(self, graph: Graph, style: Style, names: Names) -> None:
        self.graph, self.style, self.names = graph, style, names

    def all(self, runs: Iterable[Run]) -> Iterator[Part]:
        for node in self.graph.nodes.values():
            yield from self.node(node)
        properties: set[tuple[str, str, str]] = set()  # label, id, role
        found: set[Run] = set()
        for statement in self.graph.statements.values():
            yield from self.statement(statement)
            properties.add((statement.relation, statement.relation_id or "", ""))
            properties |= {(q.label, q.label_id or "", "qualifier") for q in statement.qualifiers}
            found |= {Run(fact.document, fact.model) for fact in statement.evidence}
        for label, id, role in sorted(properties):
            yield from self.style.described(label, id or None, role, self.names)
        for run in sorted(found):
            yield from self.run(run)
        for run in runs:
            yield from self.run(run)

    def node(self, node: Node) -> Iterator[Part]:
        iri = NamedNode(self.names.entity(node.id))
        yield iri, LABEL, _text(node.label)
        for alias in node.aliases:
            yield iri, _named("skos:altLabel"), _text(alias)
        if node.type is not None:
            yield iri, TYPE, self.type(node.type)
            yield self.type(node.type), LABEL, _text(node.type)
        for mention in node.mentions:
            yield from self.span(mention.document, mention.start, mention.end, mention.text)
            yield self.place(mention), _named("itsrdf:taIdentRef"), iri
            if mention.type is not None:
                yield self.place(mention), _named("itsrdf:taClassRef"), self.type(mention.type)

    def statement(self, statement: Statement) -> Iterator[Part]:
        stated = self.stated(statement)
        yield from self.style.statement(statement, stated, self.names)
        yield stated.iri, TYPE, _named("tp:Statement")
        yield stated.iri, _named("tp:score"), _score(statement.score)
        for iri, qualifier, _ in stated.qualifiers:
            yield iri, _named("tp:score"), _score(qualifier.score)
        for fact in statement.evidence:
            evidence = NamedNode(self.names.evidence(statement.id, fact))
            yield stated.iri, _named("prov:wasDerivedFrom"), evidence
            yield from self.evidence(evidence, fact)

    def stated(self, statement: Statement) -> Stated:
        names = self.names
        qualifiers = []
        for qualifier in statement.qualifiers:
            value = self.value(qualifier.value)
            label = qualifier.label if qualifier.label_id is None else qualifier.label_id
            iri = names.qualifier(statement.id, label, str(value))
            qualifiers.append((NamedNode(iri), qualifier, value))
        return Stated(
            NamedNode(names.statement(statement.id)),
            NamedNode(names.entity(statement.subject)),
            self.value(statement.object),
            tuple(qualifiers),
        )

    def value(self, of: str | Value) -> Term:
        if isinstance(of, Value):
            return Literal(clean(of.lexical), datatype=_named(f"xsd:{of.datatype}"))
        return NamedNode(self.names.entity(of))

    def evidence(self, iri: NamedNode, fact: Fact) -> Iterator[Part]:
        """One place: its document and sentence, the spans of the fact's ends, its score and its run."""
        document = fact.document
        yield iri, TYPE, _named("oa:SpecificResource")
        yield iri, _named("oa:hasSource"), NamedNode(self.names.document(document))
        yield iri, _named("tp:score"), _score(fact.score)
        run = NamedNode(self.names.run(document, fact.model))
        yield iri, _named("prov:wasGeneratedBy"), run
        start, end = fact.sentence
        sentence = NamedNode(self.names.span(document, start, end))
        yield iri, _named("oa:hasSelector"), sentence
        yield from self.span(document, start, end, fact.sentence_text)
        ends = [("tp:subject", fact.subject), ("tp:object", fact.object)]
        for role, mention in ends + [("tp:qualifier", q.value) for q in fact.qualifiers]:
            yield iri, _named(role), self.place(mention)
            yield from self.span(mention.document, mention.start, mention.end, mention.text)

    def span(self, document: str, start: int, end: int, text: str) -> Iterator[Part]:
        """Characters of a document, selected by position and by what they say."""
        iri = NamedNode(self.names.span(document, start, end))
        yield iri, TYPE, _named("oa:TextPositionSelector")
        yield iri, TYPE, _named("oa:TextQuoteSelector")
        yield iri, _named("oa:start"), _count(start)
        yield iri, _named("oa:end"), _count(end)
        yield iri, _named("oa:exact"), _text(text)
        yield iri, _named("dcterms:isPartOf"), NamedNode(self.names.document(document))

    def run(self, run: Run) -> Iterator[Part]:
        names = self.names
        iri = NamedNode(names.run(run.document, run.model))
        document, model = NamedNode(names.document(run.document)), NamedNode(names.model(run.model))
        yield iri, TYPE, _named("prov:Activity")
        yield iri, _named("prov:used"), document
        yield iri, _named("prov:wasAssociatedWith"), model
        if run.digest is not None:
            yield iri, _named("tp:digest"), _text(run.digest)
        yield document, TYPE, _named("prov:Entity")
        yield document, _named("dcterms:identifier"), _text(run.document)
        yield model, TYPE, _named("prov:SoftwareAgent")
        yield model, LABEL, _text(run.model)

    def place(self, mention: Mention) -> NamedNode:
        return NamedNode(self.names.span(mention.document, mention.start, mention.end))

    def type(self, name: str) -> NamedNode:
        return NamedNode(self.names.type(name))


_TERMS: dict[str, NamedNode] = {}


def _named(prefixed: str) -> NamedNode:
    if prefixed not in _TERMS:
        _TERMS[prefixed] = NamedNode(term(prefixed))
    return _TERMS[prefixed]


def _text(text: str) -> Literal:
    return Literal(clean(text))


def _score(score: float) -> Literal:
    return Literal(repr(round(float(score), _DIGITS)), datatype=_named("xsd:double"))


def _count(number: int) -> Literal:
    # Oxigraph keeps the integers derived from xsd:integer as that; so do we, for all outputs to agree.
    return Literal(str(number), datatype=_named("xsd:integer"))
