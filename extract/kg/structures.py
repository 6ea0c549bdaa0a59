"""What flows through the graph: mention-level facts in; entities, statements and their evidence out.

A `Fact` is one triple at one place of one document. Facts of the same subject, relation and object become
one `Statement`, which keeps each of them as `Evidence`. Character offsets are half-open and count characters
of the document's text, so `text[mention.start:mention.end] == mention.text`. Scores are probabilities.

Everything here follows from content alone: identifiers are hashes of what they name, so the same document
read twice adds nothing, and the order of documents changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A typed entity at one place in a document's text; `type` is None where its model gives none."""

    document: str
    start: int
    end: int
    text: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class FactQualifier:
    """A qualifier of a fact, at the place where its value stands."""

    label: str
    label_id: str | None
    value: Mention
    score: float


@dataclass(frozen=True, slots=True)
class Fact:
    """One triple as one document states it: characters and text of its sentence, who extracted it."""

    subject: Mention
    relation: str
    relation_id: str | None
    object: Mention
    qualifiers: tuple[FactQualifier, ...]
    score: float
    sentence: tuple[int, int]
    sentence_text: str
    model: str

    @property
    def document(self) -> str:
        """The identifier of the document."""
        return self.subject.document


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """All that one document adds: its facts, and all its mentions, those of no fact among them.

    `digest` is a hash of the text and of what was extracted: the same digest, nothing to do.
    """

    document: str
    digest: str
    model: str
    mentions: tuple[Mention, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, order=True)
class Value:
    """A literal: its lexical form in XSD's notation, and the datatype's local name, which says its precision.

    `datatype` is "date", "gYearMonth", "gYear", "integer", "decimal" or "string"; `text` is what stood in
    the document, and of several texts with one value the first in order.
    """

    lexical: str
    datatype: str
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Node:
    """An entity of the graph after resolution.

    `id` is the identifier of its canonical member: the longest name among its members, the first in order of
    those; so more mentions of the same names do not change it. `label` is that member's most frequent text,
    `type` the most frequent type of all mentions; `aliases` are all other texts, sorted. `members` are the
    identifiers of what was merged into it, its own among them, sorted.
    """

    id: str
    label: str
    type: str | None
    aliases: tuple[str, ...]
    members: tuple[str, ...]
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class StatementQualifier:
    """A qualifier of a statement; several may have one label. `score` combines those of its evidence."""

    label: str
    label_id: str | None
    value: str | Value  # a node's id or a literal
    score: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A fact of the graph: node, relation, node or literal, with qualifiers and the evidence for it.

    `id` is a hash of subject, relation and object. `score` is the noisy-or of the evidence's scores: the
    probability that at least one of them is right, were they independent. `evidence` is sorted by place.
    """

    id: str
    subject: str
    relation: str
    relation_id: str | None
    object: str | Value
    qualifiers: tuple[StatementQualifier, ...]
    score: float
    evidence: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Why two entities are one, or by a user's word are not.

    `left` and `right` are identifiers from before resolution. `rule` names what found it ("abbreviation",
    "similar text", "embedding", "user", ...), `because` says it in one line, `score` is in [0, 1].
    """

    left: str
    right: str
    verdict: OneOf["same", "different"]
    rule: str
    because: str
    score: float


@dataclass(frozen=True, slots=True)
class Graph:
    """A resolved graph in memory: nodes and statements by identifier, sorted, and the merges made."""

    nodes: dict[str, Node]
    statements: dict[str, Statement]
    merges: tuple[Merge, ...] = ()

    def label(self, of: str | Value) -> str:
        """What to call a node (by identifier) or a literal."""
        return of.text if isinstance(of, Value) else self.nodes[of].label
