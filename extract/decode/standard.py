"""The constraints there are, one a class.

`STANDARD` hold wherever the schema speaks of them. `BothWays` and `MaximumDistance` are for those who ask:
they go into `Constraints.further`, as constraints of users do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from extract.decode.constraints import Constraint, Constraints
from extract.decode.items import AtMostOne, Items, Needs, Rule, Rulebook


class FlatSpans(Constraint):
    """Kept spans share no word, unless nesting is allowed."""

    name = "flat spans"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule a word that several spans hold: its clique says more than their pairs."""
        if tables.nested:
            return
        spans = items.candidates.spans.tolist()
        over: dict[int, list[int]] = defaultdict(list)
        for row, (start, end) in enumerate(spans):
            for word in range(start, end):
                over[word].append(row)
        cliques = dict.fromkeys(tuple(rows) for rows in over.values() if len(rows) > 1)
        for rows in cliques:
            yield AtMostOne(tuple(item for row in rows for item in items.entities(row)))


class OneType(Constraint):
    """A kept span has one type."""

    name = "one type a span"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule a span."""
        if items.n_types > 1:
            for row in range(items.n_spans):
                yield AtMostOne(tuple(items.entities(row)))


class EndsKept(Constraint):
    """The ends of a kept triple are kept spans."""

    name = "ends of a triple are entities"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule an end."""
        for row, (subject, _, object_) in enumerate(items.candidates.triples.tolist()):
            for end in (subject, object_):
                yield Needs(items.triple(row), tuple(items.entities(end)))


class TypedEnds(Constraint):
    """The types of a kept triple's ends lie in its relation's domain and range."""

    name = "types fit the relation"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule an end whose relation does not admit every type."""
        for row, (subject, relation, object_) in enumerate(items.candidates.triples.tolist()):
            for end, admitted in (
                (subject, tables.domain[relation]),
                (object_, tables.range[relation]),
            ):
                if not admitted.all():
                    yield Needs(items.triple(row), _admitted(items, end, admitted))


class Functional(Constraint):
    """A functional relation has one object a subject."""

    name = "functional relation"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule a subject and functional relation that have several objects."""
        rivals: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row, (subject, relation, _) in enumerate(items.candidates.triples.tolist()):
            if tables.functional[relation]:
                rivals[subject, relation].append(items.triple(row))
        for triples in rivals.values():
            if len(triples) > 1:
                yield AtMostOne(tuple(triples))


class QualifierKept(Constraint):
    """A kept qualifier belongs to a kept triple, and its value is a kept span."""

    name = "a qualifier needs its triple and value"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """Two rules a qualifier."""
        for row, (triple, _, value) in enumerate(items.candidates.qualifiers.tolist()):
            yield Needs(items.qualifier(row), (items.triple(triple),))
            yield Needs(items.qualifier(row), tuple(items.entities(value)))


class QualifierFits(Constraint):
    """The relation takes the qualifier, whose value has a type of its range and is no end of the triple."""

    name = "the qualifier fits its triple and value"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """A rule for each qualifier that does not fit, or only with some types of its value."""
        triples = items.candidates.triples.tolist()
        for row, (triple, label, value) in enumerate(items.candidates.qualifiers.tolist()):
            subject, relation, object_ = triples[triple]
            admitted = tables.value_range[label]
            if value in (subject, object_) or not tables.takes[label, relation]:
                yield Needs(items.qualifier(row))
            elif not admitted.all():
                yield Needs(items.qualifier(row), _admitted(items, value, admitted))


STANDARD: tuple[Constraint, ...] = (
    FlatSpans(),
    OneType(),
    EndsKept(),
    TypedEnds(),
    Functional(),
    QualifierKept(),
    QualifierFits(),
)


class BothWays(Constraint):
    """Symmetric relations, and relations with an inverse, hold both ways or not at all.

    A triple whose counterpart is no candidate, since its score is below the model's floor, is not kept.
    """

    name = "symmetric and inverse relations hold both ways"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule a triple of such a relation, and a counterpart it asks for."""
        schema = tables.schema
        turned: dict[int, set[int]] = defaultdict(set)
        for label, relation in enumerate(schema.relations):
            if relation.symmetric:
                turned[label].add(label)
            if relation.inverse is not None:
                other = schema.relation_names.index(relation.inverse)
                turned[label].add(other)
                turned[other].add(label)
        triples = items.candidates.triples.tolist()
        item_of = {tuple(triple): items.triple(row) for row, triple in enumerate(triples)}
        for row, (subject, label, object_) in enumerate(triples):
            for other in sorted(turned.get(label, ())):
                counterpart = item_of.get((object_, other, subject))
                if counterpart != items.triple(row):  # a symmetric loop is its own counterpart
                    found = () if counterpart is None else (counterpart,)
                    yield Needs(items.triple(row), found)


@dataclass(frozen=True)
class MaximumDistance(Constraint):
    """Between the ends of a kept triple stand at most `words` words.

    Raises `ValueError` for a negative number.
    """

    words: int
    name = "maximum distance"

    def __post_init__(self) -> None:
        if self.words < 0:
            raise ValueError(f"Expected a maximum distance of at least 0 words, got {self.words}.")

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule a triple that spans too much."""
        spans = items.candidates.spans.tolist()
        for row, (subject, _, object_) in enumerate(items.candidates.triples.tolist()):
            (start, end), (other_start, other_end) = spans[subject], spans[object_]
            if max(other_start - end, start - other_end) > self.words:
                yield Needs(items.triple(row))


def rulebook(items: Items, constraints: Constraints) -> Rulebook:
    """All rules of a sentence: the standard ones, then the further ones."""
    every = (*STANDARD, *constraints.further)
    return Rulebook(items, ((c.name, rule) for c in every for rule in c.rules(items, constraints)))


def _admitted(items: Items, row: int, admitted: np.ndarray) -> tuple[int, ...]:
    return tuple(items.entity(row, label) for label in np.flatnonzero(admitted).tolist())
