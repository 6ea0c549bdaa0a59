"""What a schema calls a label: its canonical name, found by name, id, IRI or alias."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extract.schema import EntityType, QualifierType, Relation

Item = EntityType | Relation | QualifierType


class CanonicalNames:
    """Canonical names of the items of one kind. A name goes before an id, that before an alias."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._names: dict[str, str] = {}
        for level in (0, 1, 2, 3):
            for item in items:
                for known in _known_as(item)[level]:
                    self._names.setdefault(known, item.name)

    def find(self, *known_as: str | None) -> str | None:
        """The canonical name of the first of some names and ids that is known; None if none is."""
        found = (self._names.get(name) for name in known_as if name is not None)
        return next((name for name in found if name is not None), None)

    def match(self, item: Item) -> str | None:
        """The canonical name of another schema's item; None if there is none of its names."""
        return self.find(*(name for names in _known_as(item) for name in names))


def _known_as(item: Item) -> tuple[Iterable[str], ...]:
    """Names and ids of an item: name, id, IRI, aliases."""
    iri = getattr(item, "iri", None)
    return (
        (item.name,),
        (item.id,) if item.id is not None else (),
        (iri,) if iri is not None else (),
        getattr(item, "aliases", ()),
    )
