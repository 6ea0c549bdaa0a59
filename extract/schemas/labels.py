"""Names for what an ontology identifies by IRI: labels in a language, else local names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from extract.errors import SchemaError
from extract.schemas.triples import Node, RdfTriples, is_literal, local_name

_RDFS, _SKOS = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2004/02/skos/core#"
_LABELS = (_SKOS + "prefLabel", _RDFS + "label")
_DESCRIPTIONS = (_SKOS + "definition", _RDFS + "comment")


@dataclass(frozen=True, slots=True)
class Named:
    """How a schema names an IRI."""

    name: str
    id: str
    iri: str
    aliases: tuple[str, ...] = ()
    description: str = ""


def name_all(graph: RdfTriples, nodes: Sequence[Node], language: str) -> dict[Node, Named]:
    """A name of its own for each node.

    The name is the label in `language` (a BCP 47 tag; `en` takes `en-GB` too), else the one without a
    language, else that of the first language by order of text, else the local name. Labels that
    several nodes share get the local name in brackets, or the IRI where that is shared too. The id is the
    local name where no other node has the same, else the IRI. All other labels are aliases.

    Raises `SchemaError` for a node that has neither a label nor a local name.
    """
    labels = {node: _texts(graph, node, _LABELS, language) for node in nodes}
    others = {node: _texts(graph, node, (_SKOS + "altLabel",), language) for node in nodes}
    local = {node: local_name(node.value) for node in nodes}
    for node in nodes:
        if not labels[node] and not local[node]:
            raise SchemaError(
                f"Schema {graph.path}: expected an rdfs:label or a local name for {node}, got neither."
            )
    shown = {node: (labels[node] or [local[node]])[0] for node in nodes}
    named_alike = Counter(shown.values())
    local_alike = Counter((shown[node], local[node]) for node in nodes)
    same_id = Counter(local.values())
    found = {}
    for node in nodes:
        own, inner = shown[node], local[node]
        apart = inner if inner and local_alike[own, inner] == 1 else node.value
        name = own if named_alike[own] == 1 else f"{own} ({apart})"
        id = local[node] if local[node] and same_id[local[node]] == 1 else node.value
        aliases = [text for text in (*labels[node], *others[node]) if text != name]
        described = _texts(graph, node, _DESCRIPTIONS, language)
        found[node] = Named(
            name, id, node.value, tuple(dict.fromkeys(aliases)), described[0] if described else ""
        )
    return found


def _texts(graph: RdfTriples, node: Node, predicates: Sequence[str], language: str) -> list[str]:
    """Texts of the predicates, the best one first, white space tidied, blank ones left out."""
    found = []
    for order, predicate in enumerate(predicates):
        for value in graph.objects(node, predicate):
            text = " ".join(value.value.split()) if is_literal(value) else ""
            if text:
                tag = (value.language or "").lower()
                found.append((_rank(tag, language.lower()), tag, order, text))
    return [text for *_, text in sorted(found)]


def _rank(tag: str, wanted: str) -> int:
    if tag == wanted:
        return 0
    if tag.startswith(wanted + "-"):
        return 1
    return 2 if not tag else 3
