"""OWL and RDFS ontologies as schemas.

Source: OWL 2 Web Ontology Language, Mapping to RDF Graphs (W3C 2012), and RDF Schema 1.1 (W3C 2014).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from extract.errors import SchemaError
from extract.schema import Relation, Schema
from extract.schemas.classes import OWL, RDFS, XSD, ClassNames
from extract.schemas.labels import Named, name_all
from extract.schemas.triples import RDF, Node, RdfTriples, is_iri

logger = logging.getLogger(__name__)

_CLASSES = {OWL + "Class", RDFS + "Class"}
_PROPERTIES = {
    RDF + "Property",
    *(
        OWL + kind
        for kind in (
            "ObjectProperty",
            "DatatypeProperty",
            "FunctionalProperty",
            "InverseFunctionalProperty",
            "SymmetricProperty",
            "AsymmetricProperty",
            "TransitiveProperty",
            "ReflexiveProperty",
            "IrreflexiveProperty",
        )
    ),
}
_TOPS = {OWL + "topObjectProperty", OWL + "topDataProperty"}
# Axioms that a schema has no field for; how many a file has is reported.
_UNREAD_TYPES = {
    OWL + kind
    for kind in (
        "InverseFunctionalProperty",
        "AsymmetricProperty",
        "TransitiveProperty",
        "ReflexiveProperty",
        "IrreflexiveProperty",
        "AllDisjointProperties",
    )
}
_SCHEMA_ORG = {  # what may be an end, which is less than a domain or range says
    f"{scheme}://schema.org/{end}": f"schema:{end}"
    for scheme in ("http", "https")
    for end in ("domainIncludes", "rangeIncludes")
}
_UNREAD = {
    OWL + name
    for name in (
        "imports",
        "equivalentClass",
        "equivalentProperty",
        "disjointUnionOf",
        "propertyDisjointWith",
        "propertyChainAxiom",
    )
}


def read_ontology(path: Path, content: bytes, format_: str, language: str = "en") -> Schema:
    """The classes and properties of an ontology as entity types and relations, in file order.

    Several domains or ranges of one property must all hold, as RDFS has it; a union is one of
    `owl:unionOf`. A property without a domain or range takes those of the properties it is below, else
    those of its inverse. Datatypes in ranges become entity types. `owl:Thing` admits everything. What a
    schema cannot say (restrictions, chains, transitivity, ...) is counted in one warning.

    Args:
        content: what the file `path` holds.
        format_: as for `RdfTriples`.
        language: of names, see `name_all`.

    Raises `SchemaError` naming the file for content that is not RDF or holds no ontology, for classes and
    properties that are used and not declared, for blank nodes where a class or property must be named,
    and for cycles.
    """
    graph = RdfTriples(path, content, format_)
    reader = _Reader(graph, language)
    try:
        schema = reader.schema(path.stem)
    except SchemaError as error:
        if str(path) in str(error):
            raise
        raise SchemaError(f"Schema {path}: {error}") from error
    if reader.unread:
        listed = ", ".join(f"{name} {n}" for name, n in sorted(reader.unread.items()))
        logger.warning("%s: read without %s", path, listed)
    return schema


class _Reader:
    """Reads one graph; `unread` counts the axioms that were left out, by name."""

    def __init__(self, graph: RdfTriples, language: str) -> None:
        self.graph = graph
        declared = [(node, graph.types(node)) for node in graph.subjects()]
        self.properties = [node for node, kinds in declared if kinds & _PROPERTIES]
        for node in self.properties:
            if not is_iri(node):
                raise SchemaError(
                    f"Schema {graph.path}: expected each property to have an IRI, got a blank node."
                )
        classes = [node for node, kinds in declared if kinds & _CLASSES and is_iri(node)]
        classes = [node for node in classes if node.value not in (OWL + "Thing", OWL + "Nothing")]
        if not classes and not self.properties:
            raise SchemaError(
                f"Schema {graph.path} declares no class and no property, expected an ontology with "
                "owl:Class or rdfs:Class, and owl:ObjectProperty, owl:DatatypeProperty or rdf:Property."
            )
        self.unread = _count_unread(declared, graph)
        self.classes = ClassNames(graph, self._with_datatypes(classes), language, self.unread)
        self.names = name_all(graph, self.properties, language)

    def _with_datatypes(self, classes: list[Node]) -> list[Node]:
        """The classes, and the datatypes that some range names."""
        used = [
            node
            for owner in self.properties
            for range_ in self.graph.objects(owner, RDFS + "range")
            for node in self._united(range_, f"rdfs:range of {owner}")
            if is_iri(node)
            and (
                node.value.startswith(XSD)
                or node.value in (RDFS + "Literal", RDF + "langString", RDF + "PlainLiteral")
                or RDFS + "Datatype" in self.graph.types(node)
            )
        ]
        return list(dict.fromkeys([*classes, *used]))

    def _united(self, node: Node, where: str, inside: tuple[Node, ...] = ()) -> Iterator[Node]:
        """The node, or what it is a union of."""
        unions = [] if is_iri(node) or node in inside else self.graph.objects(node, OWL + "unionOf")
        if not unions:
            yield node
        for union in unions:
            for member in self.graph.members(union, where):
                yield from self._united(member, where, (*inside, node))

    def schema(self, name: str) -> Schema:
        types = self.classes.entity_types()
        inverses = self._inverses()
        relations = {node: self._relation(node, inverses) for node in self.properties}
        # A schema of the hierarchy alone refuses cycles, which inheriting could not end on.
        below = Schema(types, tuple(relations.values()), name=name)
        relations_below = tuple(_inherit(r, below) for r in below.relations)
        ends = {r.name: (r.domain, r.range) for r in relations_below}
        return Schema(types, tuple(_mirror(r, ends) for r in relations_below), name=name)

    def _relation(self, node: Node, inverses: dict[Node, Node]) -> Relation:
        named, kinds = self.names[node], self.graph.types(node)
        inverse = inverses.get(node)
        parents = [
            self._known(parent, f"rdfs:subPropertyOf of {node}").name
            for parent in self.graph.objects(node, RDFS + "subPropertyOf")
            if getattr(parent, "value", None) not in _TOPS and parent != node
        ]
        return Relation(
            named.name,
            named.id,
            named.description,
            domain=self.classes.end(node, "domain"),
            range=self.classes.end(node, "range"),
            symmetric=OWL + "SymmetricProperty" in kinds or inverse == node,
            inverse=None if inverse is None or inverse == node else self.names[inverse].name,
            functional=OWL + "FunctionalProperty" in kinds,
            parents=tuple(dict.fromkeys(parents)),
            aliases=named.aliases,
            iri=named.iri,
        )

    def _inverses(self) -> dict[Node, Node]:
        """Each property's inverse, whichever of the two states it."""
        found: dict[Node, Node] = {}
        for node in self.properties:
            for other in self.graph.objects(node, OWL + "inverseOf"):
                self._known(other, f"owl:inverseOf of {node}")
                for one, inverse in ((node, other), (other, node)):
                    if found.setdefault(one, inverse) != inverse:
                        raise SchemaError(
                            f"Schema {self.graph.path}: expected one inverse of {one}, "
                            f"got {found[one]} and {inverse}. Remove one."
                        )
        return found

    def _known(self, node: Node, where: str) -> Named:
        if node not in self.names:
            raise SchemaError(
                f"Schema {self.graph.path}: {where} is {node}, expected a property that the file "
                "declares. Declare it as owl:ObjectProperty or owl:DatatypeProperty (imports are not read)."
            )
        return self.names[node]


def _inherit(relation: Relation, schema: Schema) -> Relation:
    """The relation with the domain and range of the nearest relations above, where it has none.

    Those of several at one level must all hold, if any type is each of them.
    """
    ends: dict[str, tuple[str, ...]] = {"domain": relation.domain, "range": relation.range}
    for end in ends:
        level, seen = list(relation.parents), set(relation.parents)
        while level and not ends[end]:
            above = [schema.relation(name) for name in level]
            given = [getattr(parent, end) for parent in above if getattr(parent, end)]
            if given:
                ends[end] = given[0] if len(given) == 1 else _common(given, schema) or given[0]
            level = [name for parent in above for name in parent.parents if name not in seen]
            seen.update(level)
    return replace(relation, domain=ends["domain"], range=ends["range"])


def _common(ends: list[tuple[str, ...]], schema: Schema) -> tuple[str, ...]:
    """The highest types that each of some ends admits."""
    common = set.intersection(*(set(schema.subtypes(end)) for end in ends))
    lower = {below for name in common for below in schema.subtypes([name]) if below != name}
    return tuple(name for name in schema.entity_names if name in common - lower)


def _mirror(
    relation: Relation, ends: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> Relation:
    """The relation with its inverse's ends exchanged, where it has none of its own.

    A symmetric one is its own inverse.
    """
    other = relation.inverse or (relation.name if relation.symmetric else None)
    range_, domain = ends[other] if other is not None else ((), ())
    return replace(relation, domain=relation.domain or domain, range=relation.range or range_)


def _count_unread(declared: list[tuple[Node, set[str]]], graph: RdfTriples) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node, kinds in declared:
        for kind in kinds & _UNREAD_TYPES:
            counts["owl:" + kind.removeprefix(OWL)] += 1
        for predicate in _UNREAD:
            if found := graph.objects(node, predicate):
                counts["owl:" + predicate.removeprefix(OWL)] += len(found)
        for predicate, name in _SCHEMA_ORG.items():
            if found := graph.objects(node, predicate):
                counts[name] += len(found)
    return counts
