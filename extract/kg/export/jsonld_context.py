"""The `@context` of exported JSON-LD: short names for what graphs say, and the JSON of values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyoxigraph import Literal

_XSD = "http://www.w3.org/2001/XMLSchema#"
_STRING, _DOUBLE = f"{_XSD}string", f"{_XSD}double"
_EXACT_INTEGERS = 2**53  # of a double, which some JSON parsers make of every number

# Two names for one property: a processor reads both alike, a person is told what it is.
_REVERSED = {
    "statements": "rdf:subject",
    "qualifiers": "rdf:subject",
    "mentions": "itsrdf:taIdentRef",
}
_TERMS: dict[str, tuple[str, str | None]] = {  # name: property, type of its values
    "label": ("rdfs:label", None),
    "aliases": ("skos:altLabel", None),
    "score": ("tp:score", "xsd:double"),
    "relation": ("rdf:predicate", "@id"),
    "object": ("rdf:object", None),
    "evidence": ("prov:wasDerivedFrom", "@id"),
    "document": ("oa:hasSource", "@id"),
    "sentence": ("oa:hasSelector", "@id"),
    "subjectSpan": ("tp:subject", "@id"),
    "objectSpan": ("tp:object", "@id"),
    "qualifierSpans": ("tp:qualifier", "@id"),
    "start": ("oa:start", "xsd:integer"),
    "end": ("oa:end", "xsd:integer"),
    "text": ("oa:exact", None),
    "partOf": ("dcterms:isPartOf", "@id"),
    "entityType": ("itsrdf:taClassRef", "@id"),
    "run": ("prov:wasGeneratedBy", "@id"),
    "read": ("prov:used", "@id"),
    "model": ("prov:wasAssociatedWith", "@id"),
    "name": ("dcterms:identifier", None),
}
_ALWAYS_LISTS = {"aliases", "evidence", "qualifierSpans", *_REVERSED}


class Context:
    """Names for IRIs, longest prefix first, and the JSON of literals."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        """`prefixes` names namespaces; "type" among them becomes "types", since "type" is `@type` here."""
        self.prefixes = {"types" if name == "type" else name: ns for name, ns in prefixes.items()}
        self._longest = sorted(self.prefixes.items(), key=lambda item: -len(item[1]))
        self._names = {self._expand(iri): name for name, (iri, _) in _TERMS.items()}

    def as_json(self) -> dict[str, Any]:
        """The value of `@context`."""
        made: dict[str, Any] = {"@version": 1.1, "id": "@id", "type": "@type", **self.prefixes}
        for name, (iri, type) in _TERMS.items():
            definition = {"@id": iri} | ({"@type": type} if type else {})
            made[name] = definition | ({"@container": "@set"} if name in _ALWAYS_LISTS else {})
        for name, iri in _REVERSED.items():
            made[name] = {"@reverse": iri, "@container": "@set"}
        return made

    def iri(self, iri: str) -> str:
        """The IRI with a prefix if there is one for it."""
        for prefix, namespace in self._longest:
            if iri.startswith(namespace) and not iri.startswith("//", len(namespace)):
                return f"{prefix}:{iri[len(namespace) :]}"
        return iri

    def key(self, predicate: str) -> str:
        """What a property is called."""
        return self._names.get(predicate) or self.iri(predicate)

    def reference(self, predicate: str, iri: str) -> Any:
        """A thing by its IRI: alone, where the context says that values are IRIs."""
        short = self.iri(iri)
        return short if self._type(predicate) == "@id" else {"id": short}

    def literal(self, predicate: str, literal: Literal) -> Any:
        """A string or a number where the context says what it is, else a value with its datatype."""
        text, datatype, expected = literal.value, literal.datatype.value, self._type(predicate)
        if datatype == _STRING:
            return text if expected is None else {"@value": text}
        if expected is not None and self._expand(expected) == datatype:
            number = _number(text, datatype)
            return text if number is None else number
        return {"@value": text, "@type": self.iri(datatype)}

    def in_list(self, key: str) -> bool:
        """Whether the values of a property are a list even if there is one."""
        return key in _ALWAYS_LISTS

    def _type(self, predicate: str) -> str | None:
        name = self._names.get(predicate)
        return None if name is None else _TERMS[name][1]

    def _expand(self, short: str) -> str:
        prefix, _, local = short.partition(":")
        return self.prefixes[prefix] + local if prefix in self.prefixes else short


def _number(text: str, datatype: str) -> float | int | None:
    """The number that a processor reads as the same value; None if there is none."""
    try:
        if datatype == _DOUBLE:
            return float(text) if math.isfinite(float(text)) else None
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text and number < _EXACT_INTEGERS else None
