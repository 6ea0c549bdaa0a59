"""Cells and lines of the markdown tables that comparisons write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def mean_of(figures: dict[str, Any], name: str) -> float:
    """The mean of a figure as `benchmarks.seeds.spread` gives it; -1 if it is not there."""
    return float(figures[name]["mean"]) if name in figures else -1.0


def cell(figure: dict[str, Any] | None, digits: int) -> str:
    """Mean and, over several seeds, standard deviation; a dash for no figure."""
    if figure is None:
        return "-"
    mean = f"{figure['mean']:.{digits}f}"
    return mean if figure["std"] is None else f"{mean} ± {figure['std']:.{digits}f}"


def line(cells: Sequence[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(cells) + " |"
