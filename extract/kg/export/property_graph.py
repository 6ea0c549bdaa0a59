"""A graph as property graphs have it: nodes and edges with flat properties.

Edges cannot start at edges, so a statement's qualifiers and evidence are properties of its edge: exactly, as
JSON, in `qualifiers` and `evidence`; for queries, as plain lists, in `q_NAME` (what each value is called),
`documents` and `sentences`. A literal is a node of its own, one for each value, so that every statement is
an edge; how a document wrote it stays on the edge, in `object_text`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from extract.kg.export.records import as_json, evidence_record, mention_record, qualifier_record
from extract.kg.structures import Graph, Node, Statement, Value

Property = str | float | int | list[str] | None

# What every node and edge may have, with its type in neo4j-admin's words. Qualifiers add `q_NAME`.
NODE_PROPERTIES = {
    "kind": "string",
    "label": "string",
    "type": "string",
    "lexical": "string",
    "datatype": "string",
    "aliases": "string[]",
    "members": "string[]",
    "mentions": "string[]",
}
EDGE_PROPERTIES = {
    "relation": "string",
    "relation_id": "string",
    "object_text": "string",
    "score": "double",
    "n_evidence": "long",
    "documents": "string[]",
    "sentences": "string[]",
    "models": "string[]",
    "qualifiers": "string[]",
    "evidence": "string[]",
}


@dataclass(frozen=True, slots=True)
class PropertyNode:
    """An entity or a literal; `properties` has all keys of `NODE_PROPERTIES`, `kind` says which it is."""

    id: str
    properties: dict[str, Property]

    @property
    def is_entity(self) -> bool:
        """Whether it is an entity, not a literal."""
        return self.properties["kind"] == "entity"


@dataclass(frozen=True, slots=True)
class PropertyEdge:
    """A statement from node `start` to node `end`; `properties` has all of `EDGE_PROPERTIES`."""

    id: str
    start: str
    end: str
    to_entity: bool
    properties: dict[str, Property]


def nodes(graph: Graph) -> Iterator[PropertyNode]:
    """The entities, then the literals that are objects of statements, each sorted by identifier."""
    for node in graph.nodes.values():
        yield _entity(node)
    values = {
        value_id(statement.object): statement.object
        for statement in graph.statements.values()
        if isinstance(statement.object, Value)
    }
    for id in sorted(values):
        yield _literal(id, values[id])


def edges(graph: Graph) -> Iterator[PropertyEdge]:
    """The statements, in the graph's order."""
    for statement in graph.statements.values():
        target = statement.object
        yield PropertyEdge(
            id=statement.id,
            start=statement.subject,
            end=value_id(target) if isinstance(target, Value) else target,
            to_entity=isinstance(target, str),
            properties=_edge_properties(graph, statement),
        )


def qualifier_key(label: str) -> str:
    """The property that holds a qualifier's values: "q_end_time" for "end time".

    Labels that differ in nothing but punctuation share one; `qualifiers` tells them apart.
    """
    return "q_" + re.sub(r"\W+", "_", label)


def qualifier_keys(graph: Graph) -> list[str]:
    """The qualifier properties that any edge has, sorted."""
    labels = {q.label for statement in graph.statements.values() for q in statement.qualifiers}
    return sorted({qualifier_key(label) for label in labels})


def value_id(value: Value) -> str:
    """An identifier of a literal that follows from its lexical form and datatype alone."""
    named = f"{value.datatype}\0{value.lexical}".encode("utf-8", "surrogatepass")
    return "value-" + hashlib.sha256(named).hexdigest()[:32]


def _entity(node: Node) -> PropertyNode:
    properties: dict[str, Property] = dict.fromkeys(NODE_PROPERTIES)
    properties |= {
        "kind": "entity",
        "label": node.label,
        "type": node.type,
        "aliases": list(node.aliases),
        "members": list(node.members),
        "mentions": [as_json(mention_record(mention)) for mention in node.mentions],
    }
    return PropertyNode(node.id, properties)


def _literal(id: str, value: Value) -> PropertyNode:
    properties: dict[str, Property] = dict.fromkeys(NODE_PROPERTIES)
    properties |= {
        "kind": "value",
        "label": value.lexical,
        "lexical": value.lexical,
        "datatype": value.datatype,
    }
    return PropertyNode(id, properties)


def _edge_properties(graph: Graph, statement: Statement) -> dict[str, Property]:
    target, evidence = statement.object, statement.evidence
    properties: dict[str, Property] = {
        "relation": statement.relation,
        "relation_id": statement.relation_id,
        "object_text": target.text if isinstance(target, Value) else None,
        "score": statement.score,
        "n_evidence": len(evidence),
        "documents": list(dict.fromkeys(fact.document for fact in evidence)),
        "sentences": list(dict.fromkeys(fact.sentence_text for fact in evidence)),
        "models": list(dict.fromkeys(fact.model for fact in evidence)),
        "qualifiers": [as_json(qualifier_record(q)) for q in statement.qualifiers],
        "evidence": [as_json(evidence_record(fact)) for fact in evidence],
    }
    called: dict[str, list[str]] = {}
    for qualifier in statement.qualifiers:
        called.setdefault(qualifier_key(qualifier.label), []).append(graph.label(qualifier.value))
    return properties | called
