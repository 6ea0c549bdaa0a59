"""Three ways to say something about a statement in RDF, each one class.

A style writes a statement or a qualifier as a thing with an IRI, on which scores and evidence hang. All
three also write the plain triple "subject relation object", so that simple queries work the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pyoxigraph import Literal, NamedNode, Triple

from extract.errors import InputError, one_of
from extract.kg.rdf.names import Names
from extract.kg.rdf.vocabulary import term
from extract.kg.structures import Statement, StatementQualifier

Term = NamedNode | Literal
Part = tuple[NamedNode, NamedNode, NamedNode | Literal | Triple]

TYPE, LABEL = NamedNode(term("rdf:type")), NamedNode(term("rdfs:label"))


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement's terms: its own IRI, subject, object; and for each qualifier its IRI and value."""

    iri: NamedNode
    subject: NamedNode
    object: Term
    qualifiers: tuple[tuple[NamedNode, StatementQualifier, Term], ...]


class Style(Protocol):
    """How statements and qualifiers become triples."""

    name: str

    def statement(self, statement: Statement, terms: Stated, names: Names) -> Iterator[Part]:
        """The triples that tie subject, relation, object and qualifiers to the statement's IRI."""
        ...

    def described(self, label: str, id: str | None, role: str, names: Names) -> Iterator[Part]:
        """The triples about a relation itself, used in a role: "" or "qualifier"."""
        ...


class Rdf12:
    """RDF 1.2: the statement's IRI `rdf:reifies` the triple term; so does a qualifier's IRI.

    Source: RDF 1.2 Concepts and Abstract Data Model, sections on triple terms and reifiers.
    """

    name = "rdf12"

    def statement(self, statement: Statement, terms: Stated, names: Names) -> Iterator[Part]:
        """The triple, its reifier, and the qualifiers as triples of the reifier, reified in turn."""
        relation = NamedNode(names.relation(statement.relation, statement.relation_id))
        triple = Triple(terms.subject, relation, terms.object)
        yield terms.subject, relation, terms.object
        yield terms.iri, NamedNode(term("rdf:reifies")), triple
        for iri, qualifier, value in terms.qualifiers:
            role = NamedNode(names.relation(qualifier.label, qualifier.label_id, "qualifier"))
            yield terms.iri, role, value
            yield iri, NamedNode(term("rdf:reifies")), Triple(terms.iri, role, value)

    def described(self, label: str, id: str | None, role: str, names: Names) -> Iterator[Part]:
        """Its label."""
        yield NamedNode(names.relation(label, id, role)), LABEL, Literal(clean(label))


class Reification:
    """The reification of RDF 1.0 and 1.1: `rdf:subject`, `rdf:predicate`, `rdf:object`.

    Source: RDF 1.1 Semantics, appendix D.1.
    """

    name = "reification"

    def statement(self, statement: Statement, terms: Stated, names: Names) -> Iterator[Part]:
        """The triple, its description, and the qualifiers as triples of that, described in turn."""
        relation = NamedNode(names.relation(statement.relation, statement.relation_id))
        yield terms.subject, relation, terms.object
        yield from _reified(terms.iri, terms.subject, relation, terms.object)
        yield from _reified_qualifiers(terms, names)

    def described(self, label: str, id: str | None, role: str, names: Names) -> Iterator[Part]:
        """Its label."""
        yield from Rdf12().described(label, id, role, names)


class Wikidata:
    """Wikidata's own model: `p:` to a statement node, `ps:` to the object, `pq:` to qualifiers.

    Source: the Wikibase RDF dump format. Differs from it: qualifiers are also described by RDF
    reification, since Wikidata gives them no score to carry.
    """

    name = "wikidata"

    def statement(self, statement: Statement, terms: Stated, names: Names) -> Iterator[Part]:
        """The direct triple, the path over the statement's node, and its qualifiers."""
        label, id = statement.relation, statement.relation_id
        yield terms.subject, NamedNode(names.relation(label, id)), terms.object
        yield terms.subject, NamedNode(names.relation(label, id, "claim")), terms.iri
        yield terms.iri, TYPE, NamedNode(term("wikibase:Statement"))
        yield terms.iri, NamedNode(names.relation(label, id, "statement")), terms.object
        yield from _reified_qualifiers(terms, names)

    def described(self, label: str, id: str | None, role: str, names: Names) -> Iterator[Part]:
        """Its label, and the property's entity with links to its predicates."""
        yield from Rdf12().described(label, id, role, names)
        entity = NamedNode(names.relation(label, id, "entity"))
        yield entity, LABEL, Literal(clean(label))
        for link, own in (
            ("wikibase:directClaim", ""),
            ("wikibase:claim", "claim"),
            ("wikibase:statementProperty", "statement"),
            ("wikibase:qualifier", "qualifier"),
        ):
            yield entity, NamedNode(term(link)), NamedNode(names.relation(label, id, own))


def _reified_qualifiers(terms: Stated, names: Names) -> Iterator[Part]:
    """Qualifiers as triples of the statement's node, described in turn."""
    for iri, qualifier, value in terms.qualifiers:
        role = NamedNode(names.relation(qualifier.label, qualifier.label_id, "qualifier"))
        yield terms.iri, role, value
        yield from _reified(iri, terms.iri, role, value)


def _reified(
    iri: NamedNode, subject: NamedNode, predicate: NamedNode, object_: Term
) -> Iterator[Part]:
    yield iri, TYPE, NamedNode(term("rdf:Statement"))
    yield iri, NamedNode(term("rdf:subject")), subject
    yield iri, NamedNode(term("rdf:predicate")), predicate
    yield iri, NamedNode(term("rdf:object")), object_


def clean(text: str) -> str:
    """The text without lone surrogates, which RDF cannot hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


STYLES: dict[str, type[Rdf12] | type[Reification] | type[Wikidata]] = {
    style.name: style for style in (Rdf12, Wikidata, Reification)
}


def make_style(name: str) -> Style:
    """The style of that name. Raises `InputError` listing the names for an unknown one."""
    if name not in STYLES:
        raise InputError(one_of("RDF style", name, list(STYLES)))
    return STYLES[name]()
