"""From facts of documents to one graph."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from extract.kg.entities import BaseEntity
from extract.kg.facts import distinct, place
from extract.kg.identifiers import identifier
from extract.kg.literals import LITERAL_TYPES, LiteralTypes, literal_of
from extract.kg.resolve import Resolution, ResolutionConfig, resolve
from extract.kg.structures import (
    DocumentFacts,
    Fact,
    FactQualifier,
    Graph,
    Mention,
    Merge,
    Node,
    Statement,
    StatementQualifier,
    Value,
)


def build_graph(
    facts: Iterable[DocumentFacts],
    *,
    resolution: ResolutionConfig | None = None,
    verdicts: Sequence[Merge] = (),
    literals: LiteralTypes = LITERAL_TYPES,
) -> Graph:
    """The graph of some documents; their order changes nothing, nor does a document that comes again.

    Args:
        facts: of each document, see `facts_of`.
        resolution: how names are resolved; None: as measured best, see `docs/graph.md`.
        verdicts: what a user says is one or is not, oldest first.
        literals: the types whose mentions are literals. As subjects they are nodes all the same.

    Raises `InputError` if two documents of different content have one id.
    """
    documents = sorted(distinct(facts), key=lambda one: one.document)
    of = {m: literal_of(m, literals) for m in {m for one in documents for m in _mentions(one)}}
    subjects = {fact.subject for one in documents for fact in one.facts}
    entities = [mention for mention, value in of.items() if value is None or mention in subjects]
    resolved = resolve(entities, resolution, verdicts)
    nodes = _nodes(resolved)
    ends = _Ends(resolved, of)
    grouped: dict[str, list[Fact]] = defaultdict(list)
    for fact in {fact: None for one in documents for fact in one.facts}:
        grouped[_statement_id(fact, ends)].append(fact)
    statements = {id: _statement(id, grouped[id], ends) for id in sorted(grouped)}
    return Graph(nodes, statements, resolved.merges)


def noisy_or(scores: Iterable[float]) -> float:
    """The probability that at least one of independent events of these probabilities occurs."""
    scores = list(scores)
    if any(score >= 1.0 for score in scores):
        return 1.0
    # fsum is exact, so the order of the scores cannot change the sum.
    return -math.expm1(math.fsum(math.log1p(-score) for score in scores))


class _Ends:
    """What subjects, objects and qualifier values of facts are in the graph."""

    def __init__(self, resolved: Resolution, values: dict[Mention, Value | None]) -> None:
        self._resolved = resolved
        self._values = values
        # One value may have several texts; the first in order stands for all.
        self._first: dict[Value, Value] = {}
        for value in sorted((v for v in values.values() if v is not None), key=_by_text):
            self._first.setdefault(value, value)

    def subject(self, mention: Mention) -> str:
        return self._resolved.of(mention)

    def object(self, mention: Mention) -> str | Value:
        value = self._values[mention]
        return self._resolved.of(mention) if value is None else self._first[value]


def _by_text(value: Value) -> tuple[Value, str]:
    return value, value.text


def _mentions(document: DocumentFacts) -> Iterable[Mention]:
    yield from document.mentions
    for fact in document.facts:
        yield from (fact.subject, fact.object)
        yield from (qualifier.value for qualifier in fact.qualifiers)


def _nodes(resolved: Resolution) -> dict[str, Node]:
    members = defaultdict(list)
    for id, canonical in resolved.canonical.items():
        members[canonical].append(resolved.bases[id])
    return {id: _node(id, members[id]) for id in sorted(members)}


def _node(id: str, members: Sequence[BaseEntity]) -> Node:
    mentions = sorted((m for base in members for m in base.mentions), key=place)
    named = next(base for base in members if base.id == id)
    label = _most_frequent(mention.text for mention in named.mentions)
    types = [mention.type for mention in mentions if mention.type is not None]
    return Node(
        id=id,
        label=label,
        type=_most_frequent(types) if types else None,
        aliases=tuple(sorted({mention.text for mention in mentions} - {label})),
        members=tuple(sorted(base.id for base in members)),
        mentions=tuple(mentions),
    )


def _most_frequent(texts: Iterable[str]) -> str:
    """The most frequent text; of several, the first in order."""
    return min(Counter(texts).items(), key=lambda item: (-item[1], item[0]))[0]


def _key(end: str | Value) -> list[str]:
    return [end.lexical, end.datatype] if isinstance(end, Value) else [end]


def _statement_id(fact: Fact, ends: _Ends) -> str:
    object_ = _key(ends.object(fact.object))
    return identifier("statement", ends.subject(fact.subject), fact.relation, object_)


def _statement(id: str, facts: Sequence[Fact], ends: _Ends) -> Statement:
    evidence = sorted(facts, key=_by_place)
    ids = [fact.relation_id for fact in evidence if fact.relation_id is not None]
    return Statement(
        id=id,
        subject=ends.subject(evidence[0].subject),
        relation=evidence[0].relation,
        relation_id=min(ids, default=None),
        object=ends.object(evidence[0].object),
        qualifiers=_qualifiers(evidence, ends),
        score=_combined((_places(fact), fact.score) for fact in evidence),
        evidence=tuple(evidence),
    )


def _qualifiers(evidence: Sequence[Fact], ends: _Ends) -> tuple[StatementQualifier, ...]:
    grouped: dict[tuple[str, ...], list[tuple[Fact, FactQualifier]]] = defaultdict(list)
    said = [(fact, qualifier) for fact in evidence for qualifier in fact.qualifiers]
    # Labels of one id are one; some of what is said may lack the id.
    ids: dict[str, str] = {}
    for _, qualifier in said:
        if (id := qualifier.label_id) is not None:
            ids[qualifier.label] = min(id, ids.get(qualifier.label, id))
    for fact, qualifier in said:
        kind = ids.get(qualifier.label) or qualifier.label
        grouped[kind, *_key(ends.object(qualifier.value))].append((fact, qualifier))
    found = []
    for own in grouped.values():
        label = min(qualifier.label for _, qualifier in own)
        scores = (((*_places(f), place(q.value)), q.score) for f, q in own)
        value = ends.object(own[0][1].value)
        found.append(StatementQualifier(label, ids.get(label), value, _combined(scores)))
    return tuple(sorted(found, key=lambda q: (q.label, *_key(q.value))))


def _places(fact: Fact) -> tuple[object, ...]:
    return place(fact.subject)[:3], place(fact.object)[:3]


def _combined(scores: Iterable[tuple[object, float]]) -> float:
    """The noisy-or over places; what is read twice at one place is one witness, and its best score counts."""
    best: dict[object, float] = {}
    for where, score in scores:
        best[where] = max(score, best.get(where, 0.0))
    return noisy_or(best.values())


def _by_place(fact: Fact) -> tuple[object, ...]:
    qualifiers = [(q.label, q.label_id or "", place(q.value), q.score) for q in fact.qualifiers]
    ends = place(fact.subject), place(fact.object)
    return (*ends, fact.relation_id or "", fact.model, fact.score, fact.sentence, qualifiers)
