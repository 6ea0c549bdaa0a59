"""A part of a graph, by score and relation."""

from __future__ import annotations

from collections.abc import Collection

from extract.errors import InputError, one_of
from extract.kg.structures import Graph, Statement


def select(graph: Graph, *, min_score: float = 0.0, relations: Collection[str] = ()) -> Graph:
    """The statements of at least that score and of those relations (names or identifiers), and their nodes.

    Without a limit it is the graph itself, nodes without statements among them. Raises `InputError`
    for a score that is no probability and for a relation that the graph has not.
    """
    if not 0.0 <= min_score <= 1.0:
        raise InputError(f"Expected a score from 0 to 1, got {min_score}.")
    known = {
        name for s in graph.statements.values() for name in (s.relation, s.relation_id) if name
    }
    for relation in relations:
        if relation not in known:
            raise InputError(one_of("relation", relation, sorted(known)))
    if min_score == 0.0 and not relations:
        return graph
    statements = {
        id: statement
        for id, statement in graph.statements.items()
        if statement.score >= min_score
        and (not relations or statement.relation in relations or statement.relation_id in relations)
    }
    used = {node for statement in statements.values() for node in _nodes(statement)}
    nodes = {id: node for id, node in graph.nodes.items() if id in used}
    members = {member for node in nodes.values() for member in node.members}
    merges = tuple(m for m in graph.merges if m.left in members and m.right in members)
    return Graph(nodes, statements, merges)


def _nodes(statement: Statement) -> list[str]:
    ends = [statement.subject, statement.object, *(q.value for q in statement.qualifiers)]
    return [end for end in ends if isinstance(end, str)]
