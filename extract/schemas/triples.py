"""The triples of an RDF file, by subject and predicate; needs pyoxigraph (extra `graph`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extract.errors import SchemaError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

# Nodes are pyoxigraph's: NamedNode, BlankNode or Literal. Its types are not imported here, since
# it may be missing.
Node = Any


class RdfTriples:
    """An RDF graph in file order, which names in a schema keep.

    Raises `SchemaError` if pyoxigraph is missing, and naming the file, the line and what was expected
    if the content is not of the format.
    """

    def __init__(self, path: Path, content: bytes, format_: str) -> None:
        """Parse `content` of the file `path`; `format_` is "TURTLE", "N_TRIPLES" or "RDF_XML"."""
        try:
            import pyoxigraph
        except ImportError as error:
            raise SchemaError(
                f"Reading {path} needs pyoxigraph, which is not installed. Run: "
                "pip install 'tripack[graph]'"
            ) from error
        self.path = path
        self._objects: dict[Node, dict[str, list[Node]]] = {}
        kind = getattr(pyoxigraph.RdfFormat, format_)
        try:
            # The base of relative names is only ever seen where the file states none.
            for quad in pyoxigraph.parse(content, format=kind, base_iri="file:///"):
                by_predicate = self._objects.setdefault(quad.subject, {})
                by_predicate.setdefault(quad.predicate.value, []).append(quad.object)
        except SyntaxError as error:
            raise SchemaError(f"Schema {path} is not {kind.name}: {error.msg}.") from error

    def subjects(self) -> Iterator[Node]:
        """All subjects, in the order in which the file first states something of them."""
        return iter(self._objects)

    def objects(self, subject: Node, predicate: str) -> list[Node]:
        """The objects of a subject and a predicate, in file order."""
        return self._objects.get(subject, {}).get(predicate, [])

    def types(self, subject: Node) -> set[str]:
        """IRIs of the classes that a subject is stated to be of."""
        return {node.value for node in self.objects(subject, RDF + "type")}

    def members(self, head: Node, owner: str) -> list[Node]:
        """The members of an RDF list. Raises `SchemaError` if it is none, naming `owner`."""
        found, at, seen = [], head, set()
        while getattr(at, "value", None) != RDF + "nil":
            first, rest = self.objects(at, RDF + "first"), self.objects(at, RDF + "rest")
            if len(first) != 1 or len(rest) != 1 or at in seen:
                raise SchemaError(
                    f"Schema {self.path}: expected a list for {owner}, which ends in rdf:nil, "
                    f"got {at}. Write it as ( A B )."
                )
            seen.add(at)
            found.append(first[0])
            at = rest[0]
        return found


def is_iri(node: Node) -> bool:
    """Whether a node has an identifier of its own: neither blank nor a literal."""
    return type(node).__name__ == "NamedNode"


def is_literal(node: Node) -> bool:
    """Whether a node is a text, number or date."""
    return type(node).__name__ == "Literal"


def local_name(iri: str) -> str:
    """What follows the last `#`, `/` or `:` of an IRI; "" if nothing does."""
    return iri.rstrip().replace("#", "/").replace(":", "/").rsplit("/", 1)[-1]
