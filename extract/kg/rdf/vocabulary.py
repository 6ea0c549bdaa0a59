"""The terms of published vocabularies that a graph is written in, and the few of our own.

Sources: RDF 1.2 Concepts (W3C 2026, Candidate Recommendation), PROV-O (W3C 2013), Web Annotation
Vocabulary (W3C 2017), SKOS (W3C 2009), Internationalization Tag Set 2.0 (W3C 2013), RFC 5147 for
`#char=` fragments, and the Wikibase RDF dump format of Wikidata.
"""

from __future__ import annotations

PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "prov": "http://www.w3.org/ns/prov#",
    "oa": "http://www.w3.org/ns/oa#",
    "dcterms": "http://purl.org/dc/terms/",
    "itsrdf": "http://www.w3.org/2005/11/its/rdf#",
    "wikibase": "http://wikiba.se/ontology#",
    "wd": "http://www.wikidata.org/entity/",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "p": "http://www.wikidata.org/prop/",
    "ps": "http://www.wikidata.org/prop/statement/",
    "pq": "http://www.wikidata.org/prop/qualifier/",
    "tp": "urn:tripack:ns:",
}


def term(prefixed: str) -> str:
    """The IRI of a prefixed name such as "prov:used"."""
    prefix, _, local = prefixed.partition(":")
    return PREFIXES[prefix] + local
