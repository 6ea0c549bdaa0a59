"""A model's schema held to what another schema admits, for `tripack extract --schema`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from extract.decode.limits import Limits
from extract.errors import SchemaError
from extract.schema import QualifierType, Relation, Schema
from extract.schemas.hierarchy import ancestors
from extract.schemas.names import CanonicalNames, Item


@dataclass(frozen=True)
class Restriction:
    """The model's own schema, in its own order, with stricter constraints, and the labels that stay.

    `unknown` names what the other schema has and the model does not, by kind.
    """

    schema: Schema
    limits: Limits
    unknown: dict[str, list[str]]

    def report(self) -> str | None:
        """What is not known to the model, in one line; None if all is."""
        parts = [f"{kind} {_short(names)}" for kind, names in self.unknown.items() if names]
        return "; ".join(parts) or None


def restrict(
    own: Schema, wanted: Schema, model: str = "the model", *, hierarchy: bool = False
) -> Restriction:
    """Hold the schema `own` of a model to `wanted`; labels are matched by name, id, IRI or alias.

    - Relations that `wanted` lacks are dropped, and so are entity types and qualifiers, unless `wanted`
      knows none that the model has: then it says nothing of them.
    - Domains and ranges of both schemas must hold; a relation that they leave no types is dropped. A
      domain or range of `wanted` whose types the model lacks altogether cannot be checked and stays
      as the model has it.
    - What either schema calls functional or symmetric, or gives an inverse, is so.
    - With `hierarchy`, for back-off: relations are below those that either schema says, and relations of
      `wanted` that the model does not know and that are above some that it does are added at the end.

    Raises `SchemaError` if `wanted` has relations and the model knows none of them.
    """
    types = _Match(own.entity_types, wanted.entity_types)
    relations = _Match(own.relations, wanted.relations)
    qualifiers = _Match(own.qualifiers, wanted.qualifiers)
    if wanted.relations and not relations.kept:
        raise SchemaError(
            f"Schema {wanted.name!r} has no relation that {model} knows by name or id: expected some "
            f"of {_short(own.relation_names)}, got {_short(wanted.relation_names)}."
        )
    held = _Held(own, wanted, types, relations, qualifiers)
    new_relations = [held.relation(r) for r in own.relations]
    new_qualifiers = [held.qualifier(q) for q in own.qualifiers]
    every = [new or r for r, new in zip(own.relations, new_relations, strict=True)]
    if hierarchy:
        every = held.with_hierarchy(every)
    n_added = len(every) - len(own.relations)
    schema = replace(
        own,
        relations=tuple(every),
        qualifiers=tuple(new or q for q, new in zip(own.qualifiers, new_qualifiers, strict=True)),
    )
    kept_types = own.subtypes(types.kept or own.entity_names)
    limits = Limits(
        np.array([name in kept_types for name in own.entity_names], bool),
        np.array([r is not None for r in new_relations] + [True] * n_added, bool),
        np.array([q is not None for q in new_qualifiers], bool),
    )
    added = {r.name for r in every[len(own.relations) :]}
    unknown = {
        "entity types": types.unknown,
        "relations": [name for name in relations.unknown if name not in added],
    }
    return Restriction(schema, limits, unknown | {"qualifiers": qualifiers.unknown})


class _Match:
    """Which items of the model are those of the wanted schema, and the other way round."""

    def __init__(self, own: Iterable[Item], wanted: Iterable[Item]) -> None:
        wanted = list(wanted)
        names = CanonicalNames(wanted)
        found = {item.name: names.match(item) for item in own}
        self.kept: dict[str, str] = {name: other for name, other in found.items() if other}
        known = set(self.kept.values())
        self.unknown = [item.name for item in wanted if item.name not in known]

    def mine(self, wanted: Iterable[str]) -> list[str]:
        """The model's names for items of the wanted schema, as far as it knows them."""
        asked = set(wanted)
        return [name for name, other in self.kept.items() if other in asked]


@dataclass(frozen=True)
class _Held:
    """Builds the stricter items of the model's schema."""

    own: Schema
    wanted: Schema
    types: _Match
    relations: _Match
    qualifiers: _Match

    def relation(self, relation: Relation) -> Relation | None:
        """The relation with the constraints of both schemas; None if it is to be dropped."""
        if relation.name not in self.relations.kept:
            return None
        other = self.wanted.relation(self.relations.kept[relation.name])
        domain = self._both(relation.domain, other.domain)
        range_ = self._both(relation.range, other.range)
        if domain is None or range_ is None:
            return None
        inverse = self.relations.mine([other.inverse] if other.inverse else [])
        return replace(
            relation,
            domain=domain,
            range=range_,
            functional=relation.functional or other.functional,
            symmetric=relation.symmetric or other.symmetric,
            inverse=relation.inverse or (inverse[0] if inverse else None),
        )

    def with_hierarchy(self, relations: list[Relation]) -> list[Relation]:
        """The relations with the parents that both schemas give them, and the added ones above them."""
        known = set(self.relations.kept.values())
        above = ancestors({r.name: r.parents for r in self.wanted.relations})
        wanted = {name for one in known for name in above[one]} - known
        names: dict[str, list[str]] = {name: [name] for name in wanted}
        for mine, other in self.relations.kept.items():
            names.setdefault(other, []).append(mine)

        def parents(own: tuple[str, ...], other: str | None) -> tuple[str, ...]:
            theirs = self.wanted.relation(other).parents if other is not None else ()
            mine = [name for parent in theirs for name in names.get(parent, ())]
            return tuple(dict.fromkeys((*own, *mine)))

        return [
            *(
                replace(r, parents=parents(r.parents, self.relations.kept.get(r.name)))
                for r in relations
            ),
            *(
                replace(
                    r,
                    domain=self._both((), r.domain) or (),
                    range=self._both((), r.range) or (),
                    inverse=None,
                    parents=parents((), r.name),
                    pairs=(),
                )
                for r in self.wanted.relations
                if r.name in wanted
            ),
        ]

    def qualifier(self, qualifier: QualifierType) -> QualifierType | None:
        """The qualifier with the constraints of both schemas; None if it is to be dropped."""
        name = self.qualifiers.kept.get(qualifier.name)
        if name is None:
            return None if self.qualifiers.kept else qualifier
        other = next(q for q in self.wanted.qualifiers if q.name == name)
        range_ = self._both(qualifier.range, other.range)
        takes = self.relations.mine(self.wanted.subrelations(other.relations))
        if other.relations and not takes:  # the model knows none of those that may take it
            return None
        if takes and qualifier.relations:
            admitted = self.own.subrelations(qualifier.relations)
            takes = [relation for relation in takes if relation in admitted]
            if not takes:
                return None
        if range_ is None:
            return None
        return replace(qualifier, range=range_, relations=tuple(takes) or qualifier.relations)

    def _both(self, own: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...] | None:
        """The model's types that both ends admit, empty if both admit all; None if there are none."""
        asked = self.types.mine(self.wanted.subtypes(wanted))
        asked = list(self.own.subtypes(asked))
        if not asked:
            return own
        admitted = self.own.subtypes(own)
        both = tuple(name for name in asked if not own or name in admitted)
        return both or None


def _short(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
