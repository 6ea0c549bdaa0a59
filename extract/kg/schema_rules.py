"""What a schema says of a graph's relations and types, whose names may be the schema's ids or aliases."""

from __future__ import annotations

from extract.schema import Relation, Schema
from extract.schemas.names import CanonicalNames


class SchemaRules:
    """Questions about one schema; what it does not know, it does not forbid."""

    def __init__(self, schema: Schema) -> None:
        self._types = CanonicalNames(schema.entity_types)
        self._names = CanonicalNames(schema.relations)
        self._relations = {r.name: r for r in schema.relations}
        self._domains = {r.name: frozenset(schema.subtypes(r.domain)) for r in schema.relations}
        self._ranges = {r.name: frozenset(schema.subtypes(r.range)) for r in schema.relations}
        self._disjoint = {
            frozenset((a, b))
            for kind in schema.entity_types
            for other in kind.disjoint
            for a in schema.subtypes([kind.name])
            for b in schema.subtypes([other])
        }

    def relation(self, name: str, id: str | None = None) -> Relation | None:
        """The schema's relation of a name or id."""
        found = self._names.find(name, id)
        return None if found is None else self._relations[found]

    def is_functional(self, name: str, id: str | None = None) -> bool:
        """Whether a subject has one object at most."""
        relation = self.relation(name, id)
        return relation is not None and relation.functional

    def is_inverse_functional(self, name: str, id: str | None = None) -> bool:
        """Whether an object has one subject at most: the relation's inverse is functional."""
        relation = self.relation(name, id)
        inverses = [
            other
            for other in self._relations.values()
            if relation is not None
            and (relation.inverse == other.name or other.inverse == relation.name)
        ]
        return any(inverse.functional for inverse in inverses)

    def is_one_way(self, name: str, id: str | None = None) -> bool:
        """Whether it cannot hold both ways: it has an inverse other than itself and is not symmetric."""
        relation = self.relation(name, id)
        if relation is None or relation.symmetric or relation.inverse == relation.name:
            return False
        return relation.inverse is not None or any(
            other.inverse == relation.name for other in self._relations.values()
        )

    def admits_subject(self, relation: str, type: str | None, id: str | None = None) -> bool:
        """Whether a subject may have this type."""
        return self._admits(self._domains, relation, type, id)

    def admits_object(self, relation: str, type: str | None, id: str | None = None) -> bool:
        """Whether an object may have this type."""
        return self._admits(self._ranges, relation, type, id)

    def _admits(
        self, table: dict[str, frozenset[str]], name: str, type: str | None, id: str | None
    ) -> bool:
        relation, kind = self._names.find(name, id), self._types.find(type)
        admitted = table.get(relation, frozenset()) if relation is not None else frozenset()
        return not admitted or kind is None or kind in admitted

    def are_disjoint(self, one: str | None, other: str | None) -> bool:
        """Whether nothing is of both types."""
        return frozenset((self._types.find(one), self._types.find(other))) in self._disjoint
