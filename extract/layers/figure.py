"""A study as a picture (SVG) or as one self-contained page (HTML) with table and recommendation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from extract.layers.chart import Panel, Series, picture
from extract.layers.probes import ProbeScore
from extract.layers.representation import Representation
from extract.layers.study import Study
from extract.layers.table import HEADINGS, PASTING, cells

_WIDTH, _TALL, _LOW, _GAP = 880.0, 320.0, 210.0, 16.0

_STYLE = """
body { font: 15px/1.5 sans-serif; color: #222; background: white; }
body { max-width: 880px; margin: 2em auto; padding: 0 1em; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd; }
pre { background: #f4f4f4; padding: .7em; overflow-x: auto; }
"""


def to_svg(study: Study, title: str) -> str:
    """Probes by layer on top, then entropy, curvature, invariance and contribution."""
    half = (_WIDTH - _GAP) / 2
    panels = [
        Panel("Linear probes: micro F1, ± standard error", _probes(study), 0, 0, _WIDTH, _TALL)
    ]
    for at, (name, value) in enumerate(_MEASURES):
        x, y = (at % 2) * (half + _GAP), _TALL + _GAP + (at // 2) * (_LOW + _GAP)
        series = Series(name, [value(row.representation) for row in study.rows])
        panels.append(Panel(name, [series], x, y, half, _LOW))
    return picture(panels, title, _WIDTH, _TALL + 2 * (_LOW + _GAP))


def to_html(study: Study, title: str) -> str:
    """A page that shows the same without any network, with the table and the recommendation."""
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADINGS)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) + "</tr>"
        for row in study.rows
    )
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        to_svg(study, title),
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>",
        "<h2>A fusion to try</h2>",
    ]
    for found in (study.recommended, study.shorter):
        if found is not None:
            parts.append(f"<p>{escape(found.reason)}</p>")
            parts.append(f"<pre>{escape(study.recipe(found))}</pre>")
    parts.append(f"<p>{escape(PASTING)}</p>")
    return "\n".join([*parts, "</body></html>\n"])


def _probes(study: Study) -> list[Series]:
    rows = study.rows
    return [
        _series("span boundary", [row.boundary for row in rows]),
        _series("entity type of a gold span", [row.type for row in rows]),
        _series("relation of a gold pair", [row.relation for row in rows]),
    ]


def _series(name: str, scores: Sequence[ProbeScore | None]) -> Series:
    """Micro F1 and its standard error in percent."""
    return Series(
        name,
        [None if found is None else 100 * found.micro.f1 for found in scores],
        [None if found is None else 100 * found.standard_error for found in scores],
    )


_Measure = Callable[[Representation], float | None]
_MEASURES: tuple[tuple[str, _Measure], ...] = (
    ("Prompt entropy, share of the greatest", lambda r: r.prompt_entropy_share),
    ("Curvature, radians", lambda r: r.curvature),
    ("InfoNCE loss against misspelt copies, nats", lambda r: r.info_nce),
    ("Change by the layer, share of the state before", lambda r: r.update_ratio),
)
