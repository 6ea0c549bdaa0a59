"""What is wrong or doubtful in a graph: one finding, and how its statements are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from extract.kg.structures import Graph, Statement

Severity = Literal["contradiction", "suspicion"]

# Kind -> (severity, what it says), in the order of a report.
KINDS: dict[str, tuple[Severity, str]] = {
    "functional": ("contradiction", "a subject has two objects of a relation that allows one"),
    "inverse functional": ("contradiction", "an object has two subjects that allow one"),
    "domain": ("contradiction", "a subject's type is outside the relation's domain"),
    "range": ("contradiction", "an object's type is outside the relation's range"),
    "disjoint types": ("contradiction", "mentions of one node have types that exclude each other"),
    "both ways": ("contradiction", "a relation that holds one way is stated both ways"),
    "self": ("suspicion", "a statement joins a node to itself"),
    "death before birth": ("contradiction", "someone dies before being born"),
    "age": ("contradiction", "someone gets older than 120"),
    "end before start": ("contradiction", "something ends before it starts"),
    "before birth": ("contradiction", "something happens to someone not yet born"),
    "parent's age": ("contradiction", "a parent is not born before the child"),
    "future": ("suspicion", "a date is in the future"),
    "rare types": ("suspicion", "a relation joins types that it hardly ever joins"),
    "implausible": ("suspicion", "a statement does not fit the other statements"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong or doubtful.

    `kind` is one of `KINDS`, `message` says in one line what was found. `statements` and `nodes` are the
    identifiers it is about.
    """

    kind: str
    message: str
    statements: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """Whether it cannot all be true, or is only unlikely."""
        return KINDS[self.kind][0]

    def to_dict(self, graph: Graph) -> dict[str, Any]:
        """The finding as plain values, with the places and sentences that state it."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "nodes": list(self.nodes),
            "statements": [_shown(graph, graph.statements[id]) for id in self.statements],
        }


def said(graph: Graph, statement: Statement) -> str:
    """A statement in words: subject | relation | object."""
    subject, object_ = graph.label(statement.subject), graph.label(statement.object)
    return f"{subject} | {statement.relation} | {object_}"


def sentences(graph: Graph, ids: Sequence[str], most: int) -> list[tuple[str, str]]:
    """(document, sentence) of the evidence for some statements, at most `most` of each, in order."""
    found: dict[tuple[str, str], None] = {}
    for id in ids:
        for fact in graph.statements[id].evidence[:most]:
            found[fact.document, fact.sentence_text] = None
    return list(found)


def _shown(graph: Graph, statement: Statement) -> dict[str, Any]:
    return {
        "id": statement.id,
        "text": said(graph, statement),
        "score": round(statement.score, 4),
        "evidence": [
            {
                "document": fact.document,
                "sentence": list(fact.sentence),
                "text": fact.sentence_text,
                "score": round(fact.score, 4),
            }
            for fact in statement.evidence
        ],
    }
