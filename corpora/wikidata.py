"""Names of Wikidata properties, for corpora that give only the one or the other.

The table holds the properties that occur in HyperRED, Re-DocRED and the REBEL sample. Names are
those of the FewRel table (MIT licence); HyperRED's name stands where the two differ.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def properties() -> dict[str, str]:
    """Property id to name, each name once: {"P69": "educated at", ...}."""
    text = files("corpora").joinpath("wikidata_properties.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@cache
def _ids() -> dict[str, str]:
    return {name: id for id, name in properties().items()}


def property_name(id: str) -> str | None:
    """The name of a property, as in "P69" for "educated at"; None if the table lacks it."""
    return properties().get(id)


def property_id(name: str) -> str | None:
    """The id of a property by its name; None if the table lacks it."""
    return _ids().get(name)
