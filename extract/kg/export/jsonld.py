"""JSON-LD 1.1: RDF as JSON that needs no RDF library to be of use (W3C 2020, JSON-LD 1.1).

The context is in the file, so no processor fetches anything. Entities hold their statements and the spans
that mention them, statements their qualifiers and evidence. JSON-LD 1.1 has no triple terms, so of the styles
only those of RDF 1.1 can be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from extract.kg.export.jsonld_context import Context
from extract.kg.export.rdf import graph_triples, prefixes_of
from extract.kg.export.registry import Exporter, RdfSettings
from extract.kg.structures import Graph

if TYPE_CHECKING:
    from pyoxigraph import Literal, NamedNode, Triple

Object = dict[str, Any]

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TYPE, _SUBJECT = f"{_RDF}type", f"{_RDF}subject"
_STATEMENT = "http://wikiba.se/ontology#Statement"
_DERIVED = "http://www.w3.org/ns/prov#wasDerivedFrom"
_IDENTIFIES = "http://www.w3.org/2005/11/its/rdf#taIdentRef"
_FROM_CHILD = (_SUBJECT, _IDENTIFIES)  # properties that the parent tells, in reverse
# Entity, statement, qualifier. A relation whose IRI is rdf:subject could nest entities without end.
_DEEPEST = 3


class JsonLdExporter(Exporter):
    """One file: `@context`, and `@graph` with an object a line."""

    styles = ("reification", "wikidata")

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the file."""
        triples = graph_triples(graph, rdf)
        context = Context(prefixes_of(rdf))
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(f'{{"@context": {_line(context.as_json())},\n"@graph": [')
            for i, item in enumerate(_Tree(triples, context).objects()):
                stream.write((",\n" if i else "\n") + _line(item))
            stream.write("\n]}\n")


class _Tree:
    """Triples as objects, each subject written once: inside its parent if it has one, else by itself."""

    def __init__(self, triples: list[Triple], context: Context) -> None:
        self.context = context
        self.told: dict[str, dict[str, list[NamedNode | Literal]]] = {}
        for triple in triples:
            subject = cast("NamedNode", triple.subject)
            by_predicate = self.told.setdefault(subject.value, {})
            # These styles have no triple terms, and the mapping makes no blank nodes.
            value = cast("NamedNode | Literal", triple.object)
            by_predicate.setdefault(triple.predicate.value, []).append(value)
        self.parents: dict[str, str] = {}
        self.children: dict[str, dict[str, list[str]]] = {}  # by parent and its word for them
        for iri in self.told:
            self._find_family(iri)
        self.written: set[str] = set()

    def objects(self) -> Iterator[Object]:
        """The objects of the file, in the order of the triples."""
        for iri in self.told:
            if iri not in self.parents:
                yield self._object(iri, 1)
        for iri in self.told:  # each other's parents, or too deep
            if iri not in self.written:
                yield self._object(iri, 1)

    def _find_family(self, iri: str) -> None:
        for predicate in _FROM_CHILD:
            for parent in self._told_of(iri, predicate):
                self.parents.setdefault(iri, parent)
                name = "mentions" if predicate == _IDENTIFIES else self._name_of_described(parent)
                self.children.setdefault(parent, {}).setdefault(name, []).append(iri)
        for predicate in self.told[iri]:
            for child in self._told_of(iri, predicate):
                if predicate == _DERIVED or self._is_statement(child):
                    self.parents.setdefault(child, iri)

    def _name_of_described(self, parent: str) -> str:
        """What a parent calls its reified triples: those of a statement are its qualifiers."""
        is_statement = _SUBJECT in self.told[parent] or self._is_statement(parent)
        return "qualifiers" if is_statement else "statements"

    def _is_statement(self, iri: str) -> bool:
        types = self.told[iri].get(_TYPE, [])
        return any(type.value == _STATEMENT for type in types)

    def _told_of(self, iri: str, predicate: str) -> list[str]:
        """The property's values of which something is told."""
        values = self.told[iri].get(predicate, [])
        return [value.value for value in values if self._is_told(value)]

    def _is_told(self, value: NamedNode | Literal) -> bool:
        return not _is_literal(value) and value.value in self.told

    def _object(self, iri: str, depth: int) -> Object:
        self.written.add(iri)
        made: dict[str, list[Any]] = {}
        for predicate, values in self.told[iri].items():
            for value in values:
                if predicate in _FROM_CHILD and self._is_told(value):
                    continue
                key, written = self._property(iri, predicate, value, depth)
                made.setdefault(key, []).append(written)
        for name, children in self.children.get(iri, {}).items():
            short = self.context.iri
            made[name] = [self._child(iri, c, depth) or {"id": short(c)} for c in children]
        plain = {
            key: values if len(values) > 1 or self.context.in_list(key) else values[0]
            for key, values in made.items()
        }
        return {"id": self.context.iri(iri)} | plain

    def _property(
        self, iri: str, predicate: str, value: NamedNode | Literal, depth: int
    ) -> tuple[str, Any]:
        if _is_literal(value):
            return self.context.key(predicate), self.context.literal(
                predicate, cast("Literal", value)
            )
        if predicate == _TYPE:
            return "type", self.context.iri(value.value)
        child = self._child(iri, value.value, depth)
        return self.context.key(predicate), child or self.context.reference(predicate, value.value)

    def _child(self, parent: str, iri: str, depth: int) -> Object | None:
        """The object of a child to be written here; None if it is written elsewhere."""
        if self.parents.get(iri) != parent or iri in self.written or depth == _DEEPEST:
            return None
        return self._object(iri, depth + 1)


def _is_literal(value: NamedNode | Literal) -> bool:
    return hasattr(value, "datatype")


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
