"""Entities before resolution: the mentions of one name and type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from extract.kg.facts import place
from extract.kg.identifiers import identifier
from extract.kg.structures import Mention
from extract.kg.surface import names_one_person, normalised


@dataclass(frozen=True)
class EntityTypes:
    """What entity types mean for resolution, by name in any case.

    Args:
        persons: types of persons, of whom several may have one surname.
        organisations: types of organisations, whose legal form is not part of the name.
        untyped: names that say as little as no type.
        compatible: pairs of types that one entity may have, beside a type and itself.
    """

    persons: tuple[str, ...] = ("PER", "PERSON", "PEOP", "HUMAN")
    organisations: tuple[str, ...] = ("ORG", "ORGANIZATION", "ORGANISATION", "COMPANY")
    untyped: tuple[str, ...] = ("", "ENT", "ENTITY")
    compatible: tuple[tuple[str, str], ...] = ()

    def key(self, type: str | None) -> str | None:
        """The type as it is compared; None if it says nothing."""
        name = "" if type is None else type.casefold()
        return None if name in self._folded["untyped"] else name

    def is_person(self, type: str | None) -> bool:
        """Whether entities of a type are persons."""
        return (type or "").casefold() in self._folded["persons"]

    def has_legal_form(self, type: str | None) -> bool:
        """Whether names of a type may end with a legal form; where there is no type they may."""
        return self.key(type) is None or (type or "").casefold() in self._folded["organisations"]

    def agree(self, one: str | None, other: str | None) -> bool:
        """Whether one entity may have both types, given by key."""
        return (
            one is None or other is None or one == other or frozenset((one, other)) in self._pairs
        )

    @cached_property
    def _folded(self) -> dict[str, frozenset[str]]:
        names = ("persons", "organisations", "untyped")
        return {name: frozenset(t.casefold() for t in getattr(self, name)) for name in names}

    @cached_property
    def _pairs(self) -> frozenset[frozenset[str]]:
        return frozenset(frozenset(t.casefold() for t in pair) for pair in self.compatible)


@dataclass(frozen=True)
class BaseEntity:
    """All mentions with one normalised surface and type.

    `document` is set where the name is good for that document only. `id` is a hash of these three.
    `mentions` are sorted by place.
    """

    id: str
    surface: str
    type: str | None
    document: str | None
    mentions: tuple[Mention, ...]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The texts of its mentions, each once, sorted."""
        return tuple(sorted({mention.text for mention in self.mentions}))

    @cached_property
    def documents(self) -> tuple[str, ...]:
        """The documents that mention it, sorted."""
        return tuple(self._by_document)  # as mentions are sorted

    def in_document(self, document: str) -> list[Mention]:
        """Its mentions in a document."""
        return self._by_document.get(document, [])

    @cached_property
    def _by_document(self) -> dict[str, list[Mention]]:
        found: dict[str, list[Mention]] = defaultdict(list)
        for mention in self.mentions:
            found[mention.document].append(mention)
        return dict(found)


class BaseEntities(Mapping[str, BaseEntity]):
    """Entities before resolution by identifier, in order of identifiers."""

    def __init__(self, mentions: Iterable[Mention], types: EntityTypes) -> None:
        self.types = types
        grouped: dict[tuple[str, str | None, str | None], set[Mention]] = defaultdict(set)
        for mention in mentions:
            grouped[self._key(mention)].add(mention)
        found = (
            BaseEntity(identifier("entity", *key), *key, tuple(sorted(own, key=place)))
            for key, own in grouped.items()
        )
        self._by_id = {base.id: base for base in sorted(found, key=lambda base: base.id)}
        self._of = {mention: base for base in self._by_id.values() for mention in base.mentions}

    def of(self, mention: Mention) -> BaseEntity:
        """The entity that a mention belongs to."""
        return self._of[mention]

    @cached_property
    def by_document(self) -> dict[str, list[BaseEntity]]:
        """The entities that each document mentions, documents sorted."""
        found: dict[str, list[BaseEntity]] = defaultdict(list)
        for base in self.values():
            for document in base.documents:
                found[document].append(base)
        return dict(sorted(found.items()))

    def agree(self, one: BaseEntity, other: BaseEntity) -> bool:
        """Whether the types of two entities may be those of one."""
        return self.types.agree(self.types.key(one.type), self.types.key(other.type))

    def alike(self, one: BaseEntity, other: BaseEntity) -> bool:
        """Whether the types agree and say as much: a name without type may be of any type that is alike."""
        keys = self.types.key(one.type), self.types.key(other.type)
        return (keys[0] is None) == (keys[1] is None) and self.types.agree(*keys)

    def _key(self, mention: Mention) -> tuple[str, str | None, str | None]:
        person = self.types.is_person(mention.type)
        organisation = self.types.has_legal_form(mention.type)
        surface = normalised(mention.text, organisation=organisation, person=person)
        own = person and not names_one_person(surface)
        return surface, mention.type, mention.document if own else None

    def __getitem__(self, id: str) -> BaseEntity:
        return self._by_id[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)
