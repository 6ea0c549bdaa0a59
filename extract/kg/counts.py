"""How much a graph holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from extract.kg.structures import DocumentFacts, Graph

_TOP = 10  # relations that are listed


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """Counts of a graph. `names` are entities before resolution, `evidence` is places of statements,
    `mentions` are those of literals too.

    `relations` are the most frequent ones with their numbers of statements, `types` all entity types.
    """

    documents: int = 0
    mentions: int = 0
    names: int = 0
    entities: int = 0
    statements: int = 0
    evidence: int = 0
    qualifiers: int = 0
    relations: tuple[tuple[str, int], ...] = ()
    types: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, graph: Graph, documents: Sequence[DocumentFacts]) -> GraphCounts:
        """The counts of a graph and of the documents that it was made from."""
        nodes, statements = graph.nodes.values(), graph.statements.values()
        return cls(
            len(documents),
            sum(len(document.mentions) for document in documents),
            sum(len(node.members) for node in nodes),
            len(nodes),
            len(statements),
            sum(len(statement.evidence) for statement in statements),
            sum(len(statement.qualifiers) for statement in statements),
            _ranked(Counter(statement.relation for statement in statements))[:_TOP],
            _ranked(Counter(node.type or "" for node in nodes)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> GraphCounts:
        """The counts that `to_dict` gave, also by way of JSON."""
        ranked = {name: tuple(map(tuple, plain[name])) for name in ("relations", "types")}
        return cls(**{**plain, **ranked})


def _ranked(counted: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
