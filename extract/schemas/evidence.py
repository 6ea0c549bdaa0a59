"""What a corpus says of its schema: counts of labels and type pairs, cardinalities, mirrored triples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from extract.schema import Schema
from extract.structures import Sentence, Span


@dataclass(slots=True)
class RelationEvidence:
    """Counts of one relation.

    `pairs` counts triples by (subject type, object type). `subjects` counts mentions that are a subject
    of it, by the number of objects each has in its sentence; `objects` the other way round.
    `mirrored` counts triples whose sentence also has them with subject and object exchanged.
    """

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    subjects: Counter[int] = field(default_factory=Counter)
    objects: Counter[int] = field(default_factory=Counter)
    mirrored: int = 0

    @property
    def count(self) -> int:
        """Its triples."""
        return self.pairs.total()

    @property
    def functional(self) -> bool:
        """Whether no subject has two objects in one sentence."""
        return max(self.subjects, default=0) == 1

    @property
    def inverse_functional(self) -> bool:
        """Whether no object has two subjects in one sentence."""
        return max(self.objects, default=0) == 1

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain values, the most frequent pairs first."""
        ordered = sorted(self.pairs.items(), key=lambda item: (-item[1], item[0]))
        return {
            "count": self.count,
            "pairs": [[subject, object_, n] for (subject, object_), n in ordered],
            "objects_per_subject": {str(n): self.subjects[n] for n in sorted(self.subjects)},
            "subjects_per_object": {str(n): self.objects[n] for n in sorted(self.objects)},
            "functional": self.functional,
            "inverse_functional": self.inverse_functional,
            "mirrored": self.mirrored,
        }


@dataclass(frozen=True)
class Evidence:
    """The schema inferred from sentences, with counts, and the evidence for it, by relation."""

    schema: Schema
    sentences: int
    relations: dict[str, RelationEvidence]

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain values; the schema is left out."""
        return {
            "sentences": self.sentences,
            "entity_types": {t.name: t.count for t in self.schema.entity_types},
            "relations": {name: found.to_dict() for name, found in self.relations.items()},
        }


def infer(
    sentences: Iterable[Sentence], name: str = "inferred", functional_from: int | None = None
) -> Evidence:
    """The schema of `Schema.infer` with counts of its types, relations and type pairs.

    Args:
        functional_from: a relation is made functional if at least so many subject mentions have it and
            each has one object in its sentence; None makes none so, since what a corpus lacks need
            not be impossible.
    """
    sentences = list(sentences)
    schema = Schema.infer(sentences, name)
    mentions: Counter[str] = Counter(e.label for s in sentences for e in s.entities)
    found = {relation: RelationEvidence() for relation in schema.relation_names}
    for sentence in sentences:
        _add(found, sentence)
    least = functional_from
    relations = tuple(
        replace(
            relation,
            count=found[relation.name].count,
            pairs=tuple(
                (subject, object_, n)
                for (subject, object_), n in sorted(found[relation.name].pairs.items())
            ),
            functional=least is not None
            and found[relation.name].functional
            and found[relation.name].subjects.total() >= least,
        )
        for relation in schema.relations
    )
    types = tuple(replace(t, count=mentions[t.name]) for t in schema.entity_types)
    counted = replace(schema, entity_types=types, relations=relations)
    return Evidence(counted, len(sentences), found)


def _add(found: dict[str, RelationEvidence], sentence: Sentence) -> None:
    objects: dict[tuple[str, Span], set[Span]] = {}
    subjects: dict[tuple[str, Span], set[Span]] = {}
    stated = {(t.subject.span, t.relation, t.object.span) for t in sentence.triples}
    for triple in sentence.triples:
        subject, object_, own = triple.subject.span, triple.object.span, found[triple.relation]
        own.pairs[triple.subject.label, triple.object.label] += 1
        own.mirrored += (object_, triple.relation, subject) in stated
        objects.setdefault((triple.relation, subject), set()).add(object_)
        subjects.setdefault((triple.relation, object_), set()).add(subject)
    for (relation, _), ends in objects.items():
        found[relation].subjects[len(ends)] += 1
    for (relation, _), ends in subjects.items():
        found[relation].objects[len(ends)] += 1
