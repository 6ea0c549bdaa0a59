"""IRIs, made from content alone, so that the same graph always gets the same ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from extract.errors import InputError
from extract.kg.identifiers import identifier
from extract.kg.rdf.vocabulary import PREFIXES
from extract.kg.structures import Fact, Mention

DEFAULT_NAMESPACE = "urn:tripack:"

_WIKIDATA_PROPERTY = re.compile(r"P[1-9][0-9]*")
_ABSOLUTE_IRI = re.compile(r"(?:https?://|urn:)[^\s<>\"{}|\\^`\x00-\x20]+")
_LONGEST = 200  # characters of a name that an IRI spells out


@dataclass(frozen=True, slots=True)
class Names:
    """The IRIs of a graph's things, below one namespace that ends in "/", "#" or ":".

    Relations with a Wikidata property's id (P69) are that property, relations whose id is an absolute IRI
    are that IRI; all others are named by their id, else by their label, below the namespace. No two
    things share an IRI: what an IRI cannot hold is percent-encoded, a blank is "_" and "_" is "%5F".
    """

    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if not _ABSOLUTE_IRI.fullmatch(self.namespace) or self.namespace[-1] not in "/#:":
            raise InputError(
                f"Expected a namespace such as https://example.org/kg/ that ends in /, # or :, got "
                f"{self.namespace!r}."
            )

    @property
    def prefixes(self) -> dict[str, str]:
        """The prefixes predefined in queries: the vocabularies' and those of this namespace."""
        own = {"ent": "entity/", "rel": "relation/", "type": "type/", "doc": "document/"}
        own["st"] = "statement/"
        return PREFIXES | {prefix: self.namespace + path for prefix, path in own.items()}

    def entity(self, id: str) -> str:
        """An entity after resolution."""
        return self._own("entity", id)

    def statement(self, id: str) -> str:
        """A statement: its reifier."""
        return self._own("statement", id)

    def qualifier(self, statement: str, label: str, value: str) -> str:
        """One qualifier of a statement: the reifier of its triple. `value` says which of several."""
        return self._own("qualifier", identifier(statement, label, value))

    def type(self, name: str) -> str:
        """An entity type."""
        return self._own("type", name)

    def document(self, id: str) -> str:
        """A document."""
        return self._own("document", id)

    def model(self, name: str) -> str:
        """A model with its version."""
        return self._own("model", name)

    def run(self, document: str, model: str) -> str:
        """The run of a model over a document."""
        return self._own("run", identifier(document, model))

    def span(self, document: str, start: int, end: int) -> str:
        """Characters of a document, as a fragment of its IRI (RFC 5147)."""
        return f"{self.document(document)}#char={start},{end}"

    def evidence(self, statement: str, fact: Fact) -> str:
        """One place that states a statement."""
        ends = [_place(mention) for mention in (fact.subject, fact.object)]
        return self._own("evidence", identifier(statement, fact.model, *ends))

    def relation(self, label: str, id: str | None, role: str = "") -> str:
        """A relation or qualifier in a role: "" between two entities, or one of Wikidata's others.

        Roles: "claim" from a subject to a statement, "statement" from there to the object, "qualifier"
        from there to a qualifier's value, "entity" for the relation as a thing of its own.
        """
        if id is not None and _WIKIDATA_PROPERTY.fullmatch(id):
            return PREFIXES[_WIKIDATA_ROLES[role]] + id
        if id is not None and _ABSOLUTE_IRI.fullmatch(id) and role in ("", "qualifier", "entity"):
            return id
        path = f"relation/{role}" if role and role != "entity" else "relation"
        return self._own(path, label if id is None else id)

    def _own(self, kind: str, name: str) -> str:
        return f"{self.namespace}{kind}/{_segment(name)}"


_WIKIDATA_ROLES = {"": "wdt", "claim": "p", "statement": "ps", "qualifier": "pq", "entity": "wd"}


def _place(mention: Mention) -> tuple[str, int, int]:
    return mention.document, mention.start, mention.end


def _segment(text: str) -> str:
    """The text as one segment of an IRI, reversibly; letters of all scripts stay readable in labels only."""
    if len(text) > _LONGEST:  # IRIs of 100,000 characters are of use to nobody
        return f"{_segment(text[:40])}~{identifier(text)}"
    encoded = quote(text, safe="~()", errors="surrogatepass")
    return encoded.replace("_", "%5F").replace("%20", "_")
