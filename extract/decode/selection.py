"""What a solver gives: the rows that are kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """What is kept: (row of spans, entity type), rows of triples, rows of qualifiers."""

    entities: tuple[tuple[int, int], ...]
    triples: tuple[int, ...]
    qualifiers: tuple[int, ...]
