"""Line charts as SVG text: one panel a chart, values by layer, nothing fetched from anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Okabe and Ito 2008, Color Universal Design: told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73")
_INK, _GRID = "#222", "#ddd"
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 44, 38  # room around the plot for titles and numbers
_INSET = 14  # between the plot's sides and its first and last layer, for their markers
_MARKERS = ("circle", "square", "diamond")


@dataclass(frozen=True, slots=True)
class Series:
    """Values by layer, None where there is none; `errors` are drawn as bars both ways."""

    name: str
    values: Sequence[float | None]
    errors: Sequence[float | None] | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart at `x`, `y` of the picture, `width` by `height`, with at most three series."""

    title: str
    series: Sequence[Series]
    x: float
    y: float
    width: float
    height: float

    def to_svg(self) -> str:
        """The panel as an SVG group."""
        low, high, ticks = scale(*_extent(self.series))
        n_layers = len(self.series[0].values)
        right, bottom = self.width - _RIGHT, self.height - _BOTTOM

        def across(layer: int) -> float:
            wide = right - _LEFT - 2 * _INSET
            return _LEFT + _INSET + wide * (layer / (n_layers - 1) if n_layers > 1 else 0.5)

        def up(value: float) -> float:
            return bottom - (bottom - _TOP) * (value - low) / (high - low)

        parts = [f'<g transform="translate({self.x:g} {self.y:g})">']
        parts.append(_text(_LEFT, 16, self.title, weight="bold"))
        for tick in ticks:
            parts.append(_line(_LEFT, up(tick), right, up(tick), _GRID))
            parts.append(_text(_LEFT - 6, up(tick) + 4, f"{tick:g}", anchor="end"))
        for layer in range(n_layers):
            parts.append(_text(across(layer), bottom + 16, str(layer), anchor="middle"))
        parts.append(_text((_LEFT + right) / 2, bottom + 32, "layer", anchor="middle"))
        for number, series in enumerate(self.series):
            points = [
                (layer, across(layer), up(value), value)
                for layer, value in enumerate(series.values)
                if value is not None
            ]
            colour = COLOURS[number]
            path = " ".join(f"{x:.1f},{y:.1f}" for _, x, y, _ in points)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            )
            for layer, x, y, value in points:
                error = series.errors[layer] if series.errors is not None else None
                said = f"{series.name}, layer {layer}: {value:.3g}"
                if error is not None:
                    parts.append(_line(x, up(value - error), x, up(value + error), colour))
                    said += f" ± {error:.2g}"
                parts.append(_marker(number, x, y, said))
        if len(self.series) > 1:
            parts += _legend(self.series)
        return "\n".join([*parts, "</g>"])


def picture(panels: Sequence[Panel], title: str, width: float, height: float) -> str:
    """Panels as one SVG picture that stands alone."""
    body = "\n".join(panel.to_svg() for panel in panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-family="sans-serif" font-size="12" fill="{_INK}">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>\n{body}\n</svg>\n'
    )


def scale(low: float, high: float) -> tuple[float, float, list[float]]:
    """A range around `low` to `high` that starts and ends at round numbers, and its ticks, 3 to 8."""
    if high - low < 1e-9 * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # Multiples of the step, rounded to its own digits: 0.1 + 0.2 would print as 0.30000000000000004.
    digits = max(0, -math.floor(math.log10(step)))
    ticks = [round(step * at, digits) for at in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def _extent(series: Sequence[Series]) -> tuple[float, float]:
    """The least and the greatest value of all series, with their errors; 0 and 1 if there is none."""
    ends = []
    for one in series:
        errors = one.errors if one.errors is not None else [None] * len(one.values)
        for value, error in zip(one.values, errors, strict=True):
            if value is not None:
                ends += [value - (error or 0.0), value + (error or 0.0)]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _legend(series: Sequence[Series]) -> list[str]:
    parts, x = [], float(_LEFT)
    for number, one in enumerate(series):
        parts += [_marker(number, x + 5, 30), _text(x + 14, 34, one.name)]
        x += 32 + 7 * len(one.name)
    return parts


def _marker(number: int, x: float, y: float, said: str = "") -> str:
    title = f"<title>{escape(said)}</title>" if said else ""
    shape = _MARKERS[number]
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[number]}">{title}</circle>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if shape == "diamond" else ""
    return (
        f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" '
        f'fill="{COLOURS[number]}"{turn}>{title}</rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="1"/>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
