"""What is chosen once for a stored graph, and kept with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from extract.kg.entities import EntityTypes
from extract.kg.rdf.names import DEFAULT_NAMESPACE, Names
from extract.kg.rdf.styles import make_style
from extract.kg.resolve import ResolutionConfig


@dataclass(frozen=True)
class GraphSettings:
    """How a stored graph is resolved and written.

    Args:
        style: "rdf12", "wikidata" or "reification".
        namespace: what the graph's own IRIs start with.
        resolution: how names are resolved.

    Raises `InputError` for an unknown style or a namespace that is no IRI.
    """

    style: str = "rdf12"
    namespace: str = DEFAULT_NAMESPACE
    resolution: ResolutionConfig = field(default_factory=ResolutionConfig)

    def __post_init__(self) -> None:
        make_style(self.style)
        Names(self.namespace)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> GraphSettings:
        """The settings that `to_dict` gave, also by way of JSON; what this version knows of them."""
        resolution = _known(ResolutionConfig, plain["resolution"])
        types = EntityTypes(**_known(EntityTypes, resolution.pop("types", {})))
        config = ResolutionConfig(types=types, **resolution)
        return cls(plain["style"], plain["namespace"], config)


def _known(cls: type, plain: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(cls)}
    return {name: _tuples(value) for name, value in plain.items() if name in names}


def _tuples(value: Any) -> Any:
    """Lists as tuples, at all depths: JSON knows no tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
