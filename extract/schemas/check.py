"""How many triples of annotated or extracted sentences break which constraint of a schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from extract.schema import Schema
from extract.schemas.names import CanonicalNames
from extract.structures import Entity, Sentence, Span, Triple

# Constraint -> what breaks it, in the order they are reported.
CONSTRAINTS = {
    "entity type": "mention whose type the schema lacks",
    "disjoint": "mention that has two disjoint types",
    "relation": "triple whose relation the schema lacks",
    "domain": "triple whose subject's type is outside the domain",
    "range": "triple whose object's type is outside the range",
    "functional": "triple that gives a subject a further object",
    "qualifier": "qualifier that the schema lacks",
    "qualifier relation": "qualifier of a triple whose relation does not take it",
    "qualifier range": "qualifier whose value's type is outside its range",
}
_EXAMPLES = 3  # kept of each constraint and label


@dataclass
class Conformance:
    """Counts of what was checked and what breaks the schema.

    `broken` counts by (constraint, label); `examples` shows some of each; `triples_broken` counts
    triples that break at least one constraint of their own, their types or their qualifiers.
    `unclosed` counts, by (symmetric or inverse, relation), triples whose counterpart is not stated in
    their sentence: not wrong, but implied.
    """

    sentences: int = 0
    entities: int = 0
    triples: int = 0
    triples_broken: int = 0
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    unclosed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, constraint: str, label: str, example: str) -> None:
        """Count one breach."""
        self.broken[constraint, label] += 1
        kept = self.examples.setdefault((constraint, label), [])
        if len(kept) < _EXAMPLES:
            kept.append(example)

    def totals(self) -> dict[str, int]:
        """Breaches by constraint, all constraints named."""
        return {
            name: sum(n for (constraint, _), n in self.broken.items() if constraint == name)
            for name in CONSTRAINTS
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, the most frequent breaches first."""
        order = list(CONSTRAINTS)
        rows = sorted(self.broken.items(), key=lambda i: (order.index(i[0][0]), -i[1], i[0][1]))
        return {
            "sentences": self.sentences,
            "entities": self.entities,
            "triples": self.triples,
            "triples_broken": self.triples_broken,
            "totals": self.totals(),
            "broken": [
                {
                    "constraint": constraint,
                    "label": label,
                    "count": n,
                    "examples": self.examples[constraint, label],
                }
                for (constraint, label), n in rows
            ],
            "unclosed": [
                {"kind": kind, "relation": name, "count": n}
                for (kind, name), n in sorted(self.unclosed.items())
            ],
        }


def check(schema: Schema, sentences: Iterable[Sentence]) -> Conformance:
    """Check sentences against a schema; labels are found by name, id, IRI or alias.

    A type admits the types below it. A schema without qualifiers says nothing of them. An end whose
    type the schema lacks is counted for that, not for domain or range.
    """
    checker = _Checker(schema)
    for sentence in sentences:
        checker.add(sentence)
    return checker.found


class _Checker:
    def __init__(self, schema: Schema) -> None:
        self.found = Conformance()
        self.types = CanonicalNames(schema.entity_types)
        self.relations = CanonicalNames(schema.relations)
        self.qualifiers = CanonicalNames(schema.qualifiers)
        self.relation_of = {r.name: r for r in schema.relations}
        self.qualifier_of = {q.name: q for q in schema.qualifiers}
        self.ends = {
            r.name: (frozenset(schema.subtypes(r.domain)), frozenset(schema.subtypes(r.range)))
            for r in schema.relations
        }
        self.takes = {
            q.name: frozenset(schema.subrelations(q.relations)) for q in schema.qualifiers
        }
        self.values = {q.name: frozenset(schema.subtypes(q.range)) for q in schema.qualifiers}
        self.disjoint = {
            frozenset(pair)
            for t in schema.entity_types
            for other in t.disjoint
            for one in schema.subtypes([t.name])
            for pair in ((one, below) for below in schema.subtypes([other]))
        }

    def add(self, sentence: Sentence) -> None:
        self.found.sentences += 1
        self._add_entities(sentence.entities)
        seen: set[tuple[Span, str]] = set()
        named = [(t, self.relations.find(t.relation, t.relation_id)) for t in sentence.triples]
        stated = {(t.subject.span, name, t.object.span) for t, name in named}
        for triple, name in named:
            breaches = list(self._breaches(triple, name))
            if name is not None and self.relation_of[name].functional:
                if (triple.subject.span, name) in seen:
                    breaches.append(("functional", name))
                seen.add((triple.subject.span, name))
            shown = f"{triple.subject.text} | {triple.relation} | {triple.object.text}"
            for constraint, label in breaches:
                self.found.note(constraint, label, shown)
            unknown = any(self.types.find(e.label) is None for e in (triple.subject, triple.object))
            self.found.triples += 1
            self.found.triples_broken += bool(breaches) or unknown
            if name is not None:
                self._note_unclosed(triple, name, stated)

    def _add_entities(self, entities: Iterable[Entity]) -> None:
        types_of: dict[Span, set[str]] = {}
        for entity in entities:
            self.found.entities += 1
            name = self.types.find(entity.label)
            if name is None:
                self.found.note("entity type", entity.label, entity.text)
                continue
            for other in types_of.get(entity.span, ()):
                if frozenset((name, other)) in self.disjoint:
                    label = " and ".join(sorted((name, other)))
                    self.found.note("disjoint", label, entity.text)
            types_of.setdefault(entity.span, set()).add(name)

    def _breaches(self, triple: Triple, name: str | None) -> Iterator[tuple[str, str]]:
        if name is None:
            yield "relation", triple.relation
        else:
            ends = zip(
                ("domain", "range"), (triple.subject, triple.object), self.ends[name], strict=True
            )
            for constraint, entity, admitted in ends:
                known = self.types.find(entity.label)
                if known is not None and admitted and known not in admitted:
                    yield constraint, f"{name}: {known}"
        if self.qualifier_of:
            yield from self._qualifier_breaches(triple, name)

    def _qualifier_breaches(self, triple: Triple, name: str | None) -> Iterator[tuple[str, str]]:
        for qualifier in triple.qualifiers:
            label = self.qualifiers.find(qualifier.label, qualifier.label_id)
            if label is None:
                yield "qualifier", qualifier.label
                continue
            takes, values = self.takes[label], self.values[label]
            if name is not None and takes and name not in takes:
                yield "qualifier relation", f"{label}: {name}"
            known = self.types.find(qualifier.value.label)
            if known is not None and values and known not in values:
                yield "qualifier range", f"{label}: {known}"

    def _note_unclosed(
        self, triple: Triple, name: str, stated: set[tuple[Span, str | None, Span]]
    ) -> None:
        relation = self.relation_of[name]
        for kind, other in (
            ("symmetric", name if relation.symmetric else None),
            ("inverse", relation.inverse),
        ):
            if other and (triple.object.span, other, triple.subject.span) not in stated:
                self.found.unclosed[kind, name] += 1
