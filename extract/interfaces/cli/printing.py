"""Plain listings for people, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def columns(rows: Sequence[Sequence[object]]) -> str:
    """Rows as left-aligned columns, two blanks apart; the last column is as long as it is."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    )


def as_json(value: Any) -> str:
    """The value as indented JSON, readable in any script."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
