"""A study as text: one row a layer, and the recommendation."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extract.layers.probes import ProbeScore
from extract.layers.study import LayerRow, Study

HEADINGS = (
    "layer",
    "boundary F1",
    "type F1",
    "relation F1",
    "entropy",
    "curvature",
    "InfoNCE",
    "copy cos",
    "change",
    "cos",
)

PASTING = (
    "A recipe has [model.encoder] and [model.fusion] once: paste such lines in place of its own."
)

_PLAIN_WIDTH = 110  # columns where there is no terminal to ask


def to_text(study: Study, *, terminal: bool, width: int | None = None) -> str:
    """The table, the fusion to try and its recipe, coloured for a terminal or plain."""
    console = Console(
        force_terminal=terminal,
        width=width if width is not None or terminal else _PLAIN_WIDTH,
        highlight=False,
        emoji=False,
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for row in study.rows:
        table.add_row(*cells(row))
    with console.capture() as capture:
        console.print(Text(_data(study), style="dim"))
        console.print(table)
        for title, found in (
            ("A fusion to try", study.recommended),
            ("With fewer layers", study.shorter),
        ):
            if found is not None:
                console.print()
                console.print(Text.assemble((f"{title}: ", "bold"), found.reason))
                console.print()
                for line in study.recipe(found).splitlines():
                    console.print(Text(f"    {line}".rstrip()), soft_wrap=True)
        console.print()
        console.print(Text(PASTING))
    # Lines that rich wraps keep the blank they were broken at.
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _data(study: Study) -> str:
    train, dev = study.train, study.dev
    return (
        f"{study.encoder}, {study.n_layers} layers; layer 0 is the embedding output.\n"
        f"Probes trained on {train.sentences} sentences, scored on {dev.sentences}: {dev.words} words, "
        f"{dev.spans} spans, {dev.pairs} pairs, {dev.related_pairs} of them related."
    )


def cells(row: LayerRow) -> list[str]:
    """The texts of a layer's row, under `HEADINGS`: F1 in percent, entropy as a share of the greatest."""
    found = row.representation
    return [
        str(row.layer),
        _percent(row.boundary),
        _percent(row.type),
        _percent(row.relation),
        _number(found.prompt_entropy_share),
        _number(found.curvature),
        _number(found.info_nce),
        _number(found.copy_cosine),
        _number(found.update_ratio),
        _number(found.update_cosine),
    ]


def _percent(found: ProbeScore | None) -> str:
    if found is None:
        return "-"
    return f"{100 * found.micro.f1:.1f} ±{100 * found.standard_error:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
