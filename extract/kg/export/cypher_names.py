"""Neo4j's names for what a graph holds: labels and relationship types, which no parameter can stand for."""

from __future__ import annotations

import hashlib
import re

from extract.kg.structures import Graph

# Neo4j takes a doubled backtick in a name, but not every Cypher does, and older servers turn \u0060 into a
# backtick before they read the query. Without both characters nothing can end a quoted name anywhere.
_UNSAFE = re.compile(r"[`\\\x00-\x1f\x7f-\x9f\u2028\u2029]")


def neo4j_name(name: str) -> str:
    """A name that a label or a type can have: "_" for backticks, backslashes and control characters.

    What two names then share is told apart by the properties `type` and `relation`, which stay exact.
    """
    return _UNSAFE.sub("_", name) or "_"


def quoted(name: str) -> str:
    """The name between backticks, as Cypher has it: nothing in it can end it."""
    return f"`{neo4j_name(name)}`"


def node_label(type: object) -> str | None:
    """The label of an entity's type, beside `Entity`; None if it has no type."""
    return neo4j_name(type) if isinstance(type, str) else None


def constraints(graph: Graph) -> list[str]:
    """The constraints that make identifiers unique, of nodes and of each relation's relationships.

    They are also the indexes that MERGE looks up. Labels get none: a text may be longer than the 8 kB that
    a range index takes.
    """
    made = [
        f"CREATE CONSTRAINT {label.lower()}_id IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE"
        for label in ("Entity", "Value")
    ]
    for relation in sorted({neo4j_name(s.relation) for s in graph.statements.values()}):
        name = "statement_id_" + hashlib.sha256(relation.encode()).hexdigest()[:8]
        made.append(
            f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR ()-[r:{quoted(relation)}]-() "
            "REQUIRE r.id IS UNIQUE"
        )
    return made
