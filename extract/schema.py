"""What may be extracted: entity types, relations and qualifiers, and how they may be joined.

A schema is read from and written to JSON (`extract.schemas.read` reads other formats too):

    {"name": "people", "entity_types": [{"name": "PER"}, {"name": "LOC"}],
     "relations": [{"name": "spouse", "id": "P26", "domain": ["PER"], "range": ["PER"],
                    "symmetric": true}],
     "qualifiers": [{"name": "start time", "id": "P580", "relations": ["spouse"]}]}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from extract.errors import SchemaError, one_of
from extract.json_files import read_json
from extract.schemas.hierarchy import descendants, find_cycle
from extract.schemas.items import read_items
from extract.structures import Sentence


@dataclass(frozen=True, slots=True)
class EntityType:
    """A kind of entity; `id` is its identifier in the schema's source, if it has one.

    `parents` are the types it is a kind of: what admits a parent admits it. No entity is also of a
    type in `disjoint`. `aliases` are other names, `iri` its full identifier in an ontology, `count`
    how many mentions a corpus has of it (0: not counted).
    """

    name: str
    id: str | None = None
    description: str = ""
    parents: tuple[str, ...] = ()
    disjoint: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    iri: str | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed relation; an empty `domain` or `range` admits every entity type.

    `functional` allows one object a subject. `inverse` names the relation that holds the other
    way round. `symmetric` relations hold both ways or not at all. `parents` are the relations that
    hold wherever this one does. `aliases` are other names, `iri` its full identifier in an ontology.
    `count` and `pairs` (subject type, object type, count) say what a corpus holds; they are evidence
    and constrain nothing.
    """

    name: str
    id: str | None = None
    description: str = ""
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    symmetric: bool = False
    inverse: str | None = None
    functional: bool = False
    parents: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    iri: str | None = None
    count: int = 0
    pairs: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class QualifierType:
    """A qualifier label; empty `relations` or `range` admit every relation or value type."""

    name: str
    id: str | None = None
    description: str = ""
    relations: tuple[str, ...] = ()
    range: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """Entity types, relations and qualifiers, checked against each other on construction.

    Raises `SchemaError` for duplicate names, for references to names that are not there, for a cycle
    of parents, and for a type below two disjoint ones.
    """

    entity_types: tuple[EntityType, ...]
    relations: tuple[Relation, ...] = ()
    qualifiers: tuple[QualifierType, ...] = ()
    name: str = field(default="schema")

    def __post_init__(self) -> None:
        for kind, items in self._kinds().items():
            for name, times in Counter(item.name for item in items).items():
                if not name or times > 1:
                    raise SchemaError(
                        f"Expected each {kind} of schema {self.name!r} to have a name of its "
                        f"own, got {name!r} {times} times. Rename one."
                    )
        types, relations = set(self.entity_names), set(self.relation_names)
        for kind_of in self.entity_types:
            self._check_known(
                kind_of.name, "entity type", (*kind_of.parents, *kind_of.disjoint), types
            )
        for relation in self.relations:
            paired = [name for pair in relation.pairs for name in pair[:2]]
            self._check_known(
                relation.name, "entity type", (*relation.domain, *relation.range, *paired), types
            )
            self._check_known(relation.name, "relation", relation.parents, relations)
            if relation.inverse is not None:
                self._check_known(relation.name, "relation", (relation.inverse,), relations)
        for qualifier in self.qualifiers:
            self._check_known(qualifier.name, "entity type", qualifier.range, types)
            self._check_known(qualifier.name, "relation", qualifier.relations, relations)
        self._check_hierarchy()

    def _check_hierarchy(self) -> None:
        for items in (self.entity_types, self.relations):
            cycle = find_cycle({item.name: item.parents for item in items})
            if cycle is not None:
                raise SchemaError(
                    f"Expected parents of schema {self.name!r} without a cycle, got "
                    f"{' -> '.join(cycle)}. Remove one of these parents."
                )
        for one in self.entity_types:
            for other in one.disjoint:
                both = self._types_below[one.name] & self._types_below[other]
                if both:
                    raise SchemaError(
                        f"Entity types {one.name!r} and {other!r} of schema {self.name!r} are "
                        f"disjoint, but {min(both)!r} is both. Remove a parent or the disjointness."
                    )

    def _kinds(self) -> dict[str, tuple[Any, ...]]:
        return {
            "entity type": self.entity_types,
            "relation": self.relations,
            "qualifier": self.qualifiers,
        }

    def _check_known(self, owner: str, kind: str, used: Iterable[str], known: set[str]) -> None:
        for name in used:
            if name not in known:
                raise SchemaError(
                    f"In {owner!r} of schema {self.name!r}: {one_of(kind, name, list(known))}"
                )

    @cached_property
    def entity_names(self) -> list[str]:
        """Names of the entity types; a label's place here is its index in the model."""
        return [t.name for t in self.entity_types]

    @cached_property
    def relation_names(self) -> list[str]:
        """Names of the relations; a label's place here is its index in the model."""
        return [r.name for r in self.relations]

    @cached_property
    def qualifier_names(self) -> list[str]:
        """Names of the qualifiers; a label's place here is its index in the model."""
        return [q.name for q in self.qualifiers]

    def relation(self, name: str) -> Relation:
        """The relation of that name. Raises `SchemaError` if there is none."""
        if name not in self.relation_names:
            raise SchemaError(one_of("relation", name, self.relation_names))
        return self.relations[self.relation_names.index(name)]

    @cached_property
    def _types_below(self) -> dict[str, frozenset[str]]:
        return descendants({t.name: t.parents for t in self.entity_types})

    @cached_property
    def _relations_below(self) -> dict[str, frozenset[str]]:
        return descendants({r.name: r.parents for r in self.relations})

    def subtypes(self, names: Iterable[str]) -> tuple[str, ...]:
        """These entity types and all below them, in the schema's order; of none, none."""
        found = {below for name in names for below in self._types_below[name]}
        return tuple(name for name in self.entity_names if name in found)

    def subrelations(self, names: Iterable[str]) -> tuple[str, ...]:
        """These relations and all below them, in the schema's order; of none, none."""
        found = {below for name in names for below in self._relations_below[name]}
        return tuple(name for name in self.relation_names if name in found)

    def relations_between(self, subject: str, object_: str) -> list[str]:
        """Names of the relations whose domain and range admit two entity types."""
        return [
            name
            for name, domain, range_ in self._ends
            if (not domain or subject in domain) and (not range_ or object_ in range_)
        ]

    @cached_property
    def _ends(self) -> list[tuple[str, frozenset[str], frozenset[str]]]:
        """Of each relation the types that its domain and its range admit, empty if all."""
        return [
            (r.name, frozenset(self.subtypes(r.domain)), frozenset(self.subtypes(r.range)))
            for r in self.relations
        ]

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain values, defaults left out."""
        empty: tuple[Any, ...] = (None, "", (), False)
        return {
            "name": self.name,
            **{
                key: [
                    {k: v for k, v in asdict(item).items() if v not in empty}
                    for item in getattr(self, key)
                ]
                for key in ("entity_types", "relations", "qualifiers")
            },
        }

    @classmethod
    def from_dict(cls, data: Any) -> Schema:
        """Build a schema from plain values. Raises `SchemaError` if they do not fit."""
        if not isinstance(data, dict) or not isinstance(data.get("entity_types"), list):
            raise SchemaError(
                "Expected a JSON object with lists 'entity_types', 'relations' and 'qualifiers', "
                f"got {type(data).__name__}{' ' + str(sorted(data)) if isinstance(data, dict) else ''}."
            )
        unknown = set(data) - {"name", "entity_types", "relations", "qualifiers"}
        if unknown:
            raise SchemaError(
                f"Unknown keys in a schema: {', '.join(sorted(unknown))}. Remove them."
            )
        return cls(
            entity_types=read_items(EntityType, data, "entity_types"),
            relations=read_items(Relation, data, "relations"),
            qualifiers=read_items(QualifierType, data, "qualifiers"),
            name=str(data.get("name", "schema")),
        )

    @classmethod
    def read(cls, path: str | Path) -> Schema:
        """Read a schema from a JSON file. Raises `SchemaError` naming the file."""
        try:
            return cls.from_dict(read_json(Path(path)))
        except OSError as error:
            raise SchemaError(f"Cannot read schema {path}: {error.strerror or error}.") from error
        except SchemaError as error:
            raise SchemaError(f"Schema {path}: {error}") from error
        except ValueError as error:
            raise SchemaError(f"Schema {path} is not JSON in UTF-8: {error}.") from error

    def write(self, path: str | Path) -> None:
        """Write the schema as JSON."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n"
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def infer(cls, sentences: Iterable[Sentence], name: str = "inferred") -> Schema:
        """The schema of annotated sentences: the labels seen, and the types seen at their ends.

        Names are sorted, so the result does not depend on the order of the sentences. A relation
        seen both ways for every pair it joins is marked symmetric.
        """
        types: set[str] = set()
        pairs: dict[str, list[tuple[str, str]]] = {}
        ids: dict[tuple[str, str], str | None] = {}
        both_ways: dict[str, bool] = {}
        values: dict[str, tuple[set[str], set[str]]] = {}
        for sentence in sentences:
            types.update(entity.label for entity in sentence.entities)
            seen = {(t.subject.span, t.relation, t.object.span) for t in sentence.triples}
            for triple in sentence.triples:
                pairs.setdefault(triple.relation, []).append(
                    (triple.subject.label, triple.object.label)
                )
                _note_id(ids, ("relation", triple.relation), triple.relation_id)
                mirrored = (triple.object.span, triple.relation, triple.subject.span) in seen
                both_ways[triple.relation] = both_ways.get(triple.relation, True) and mirrored
                for qualifier in triple.qualifiers:
                    used, ranges = values.setdefault(qualifier.label, (set(), set()))
                    used.add(triple.relation)
                    ranges.add(qualifier.value.label)
                    _note_id(ids, ("qualifier", qualifier.label), qualifier.label_id)
        return cls(
            entity_types=tuple(EntityType(t) for t in sorted(types)),
            relations=tuple(
                Relation(
                    label,
                    ids["relation", label],
                    domain=tuple(sorted({d for d, _ in pairs[label]})),
                    range=tuple(sorted({r for _, r in pairs[label]})),
                    symmetric=both_ways[label],
                )
                for label in sorted(pairs)
            ),
            qualifiers=tuple(
                QualifierType(
                    label,
                    ids["qualifier", label],
                    relations=tuple(sorted(values[label][0])),
                    range=tuple(sorted(values[label][1])),
                )
                for label in sorted(values)
            ),
            name=name,
        )

    def with_name(self, name: str) -> Schema:
        """The same schema under another name."""
        return replace(self, name=name)


def _note_id(ids: dict[tuple[str, str], str | None], key: tuple[str, str], id: str | None) -> None:
    """Keep the first id by order of text, so that the order of the data does not matter."""
    known = ids.get(key)
    ids[key] = min(known, id) if known is not None and id is not None else known or id
