"""Merges that names alone justify: one surface, a person's shorter name, a user's aliases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from extract.kg.entities import BaseEntities, BaseEntity
from extract.kg.structures import Merge
from extract.kg.surface import may_name, normalised
from extract.kg.votes import Reason, Votes, merge_of


def same_surface(bases: BaseEntities) -> Iterator[Merge]:
    """Entities of one surface whose types agree; one without a type only where all others are one.

    A person's name that is good for one document only joins no other document's.
    """
    for surface, group in sorted(_by_surface(bases).items()):
        because = f"both are {surface!r} when normalised"
        by_document = defaultdict(list)
        untyped = []
        for base in group:
            if bases.types.key(base.type) is None:
                untyped.append(base)
            else:
                by_document[base.document].append(base)
        for typed in by_document.values():
            for one, other in _agreeing(bases, typed):
                yield merge_of(one, other, "same surface", because, 1.0)
        if untyped:
            sure = len(by_document) == 1
            typed = next(iter(by_document.values())) if sure else []
            sure = all(bases.agree(one, other) for one in typed for other in typed)
            for other in [*untyped[1:], *(typed if sure else ())]:
                yield merge_of(untyped[0], other, "same surface", because, 1.0)


def personal_names(bases: BaseEntities) -> Iterator[Merge]:
    """A person's shorter name and the one fuller name in the document that it may stand for.

    Of several fuller names, those that are forms of one name count as one.
    """
    votes = Votes()
    for document, found in bases.by_document.items():
        persons = _Persons([base for base in found if bases.types.is_person(base.type)])
        for short in persons.all:
            fuller = [
                p
                for p in persons.sharing(short.surface)
                if may_name(short.surface, p.surface) and bases.agree(short, p)
            ]
            if fuller and _forms_of_one([p.surface for p in fuller]):
                full = max(fuller, key=lambda p: (len(p.surface), p.surface, p.id))
                because = f"in {document!r}, {short.surface!r} can only be {full.surface!r}"
                votes.add(short, full, Reason(0.95, because))
    yield from votes.merges(bases, "personal name")


class _Persons:
    """The persons of a document, by their words and by the first letters of these."""

    def __init__(self, persons: Sequence[BaseEntity]) -> None:
        self.all = persons
        self._by_part: dict[str, list[BaseEntity]] = defaultdict(list)
        for person in persons:
            words = person.surface.split()
            for part in dict.fromkeys((*words, *(word[0] for word in words))):
                self._by_part[part].append(person)

    def sharing(self, surface: str) -> Sequence[BaseEntity]:
        """The persons with the rarest word of a name, among whom all its fuller names are.

        An initial is a word of whoever has a word that begins with it.
        """
        return min((self._by_part.get(word, []) for word in surface.split()), key=len, default=())


def _forms_of_one(names: Sequence[str]) -> bool:
    longest = max(names, key=lambda name: (len(name), name))
    return all(name == longest or may_name(name, longest) for name in names)


def aliases(bases: BaseEntities, groups: Iterable[Sequence[str]]) -> Iterator[Merge]:
    """Entities whose names stand in one of a user's groups of names, where their types agree."""
    by_surface = _by_surface(bases)
    for names in groups:
        surfaces = {
            normalised(name, organisation=organisation, person=person)
            for name in names
            for person in (False, True)
            for organisation in (False, True)
        }
        group = [base for surface in sorted(surfaces) for base in by_surface.get(surface, ())]
        for one, other in _agreeing(bases, group):
            yield merge_of(one, other, "alias", f"both are names of {names[0]!r}", 1.0)


def _by_surface(bases: BaseEntities) -> dict[str, list[BaseEntity]]:
    found = defaultdict(list)
    for base in bases.values():
        found[base.surface].append(base)
    return found


def _agreeing(
    bases: BaseEntities, group: Sequence[BaseEntity]
) -> Iterator[tuple[BaseEntity, BaseEntity]]:
    """Pairs that connect all whose types agree: each with the first of every type, not each with each."""
    first: dict[str | None, BaseEntity] = {}
    for base in group:
        for other in first.values():
            if bases.agree(base, other):
                yield other, base
        first.setdefault(bases.types.key(base.type), base)
