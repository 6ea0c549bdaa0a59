"""What may be extracted: entity types, relations and qualifiers, and how they may be joined.

A schema is read from and written to JSON:

    {"name": "people", "entity_types": [{"name": "PER"}, {"name": "LOC"}],
     "relations": [{"name": "spouse", "id": "P26", "domain": ["PER"], "range": ["PER"],
                    "symmetric": true}],
     "qualifiers": [{"name": "start time", "id": "P580", "relations": ["spouse"]}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from extract.errors import SchemaError, one_of
from extract.structures import Sentence


@dataclass(frozen=True, slots=True)
class EntityType:
    """A kind of entity; `id` is its identifier in the schema's source, if it has one."""

    name: str
    id: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed relation; an empty `domain` or `range` admits every entity type.

    `functional` allows one object a subject. `inverse` names the relation that holds the other
    way round. `symmetric` relations hold both ways or not at all.
    """

    name: str
    id: str | None = None
    description: str = ""
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    symmetric: bool = False
    inverse: str | None = None
    functional: bool = False


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

    Raises `SchemaError` for duplicate names and for references to names that are not there.
    """

    entity_types: tuple[EntityType, ...]
    relations: tuple[Relation, ...] = ()
    qualifiers: tuple[QualifierType, ...] = ()
    name: str = field(default="schema")

    def __post_init__(self) -> None:
        for kind, items in self._kinds().items():
            names = [item.name for item in items]
            for name in names:
                if not name or names.count(name) > 1:
                    raise SchemaError(
                        f"Expected each {kind} of schema {self.name!r} to have a name of its "
                        f"own, got {name!r} {names.count(name)} times. Rename one."
                    )
        types, relations = set(self.entity_names), set(self.relation_names)
        for relation in self.relations:
            self._check_known(
                relation.name, "entity type", (*relation.domain, *relation.range), types
            )
            if relation.inverse is not None:
                self._check_known(relation.name, "relation", (relation.inverse,), relations)
        for qualifier in self.qualifiers:
            self._check_known(qualifier.name, "entity type", qualifier.range, types)
            self._check_known(qualifier.name, "relation", qualifier.relations, relations)

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
            entity_types=_read_items(EntityType, data, "entity_types"),
            relations=_read_items(Relation, data, "relations"),
            qualifiers=_read_items(QualifierType, data, "qualifiers"),
            name=str(data.get("name", "schema")),
        )

    @classmethod
    def read(cls, path: str | Path) -> Schema:
        """Read a schema from a JSON file. Raises `SchemaError` naming the file."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise SchemaError(f"Cannot read schema {path}: {error.strerror or error}.") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SchemaError(f"Schema {path} is not JSON in UTF-8: {error}.") from error
        except SchemaError as error:
            raise SchemaError(f"Schema {path}: {error}") from error

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


def _read_items(kind: type[Any], data: dict[str, Any], key: str) -> tuple[Any, ...]:
    items = data.get(key, [])
    if not isinstance(items, list):
        raise SchemaError(f"Expected {key!r} to be a list, got {type(items).__name__}.")
    fields = kind.__dataclass_fields__
    read = []
    for number, item in enumerate(items):
        item = {"name": item} if isinstance(item, str) else item
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise SchemaError(
                f"Expected item {number} of {key!r} to be an object with a 'name', got {item!r}."
            )
        unknown = set(item) - set(fields)
        if unknown:
            raise SchemaError(
                f"Item {item['name']!r} of {key!r} has unknown keys {sorted(unknown)}. "
                f"Expected some of: {', '.join(fields)}."
            )
        for name, value in item.items():
            _check_value(item["name"], name, value)
        read.append(kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in item.items()}))
    return tuple(read)


_LISTS, _FLAGS = {"domain", "range", "relations"}, {"symmetric", "functional"}


def _check_value(owner: str, key: str, value: Any) -> None:
    if key in _LISTS:
        good, expected = (
            isinstance(value, list) and all(isinstance(v, str) for v in value),
            "a list of names",
        )
    elif key in _FLAGS:
        good, expected = isinstance(value, bool), "true or false"
    else:
        good, expected = value is None or isinstance(value, str), "a text"
    if not good:
        raise SchemaError(f"Expected {key!r} of {owner!r} to be {expected}, got {value!r}.")
