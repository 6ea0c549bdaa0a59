"""`tripack graph check`: contradictions and doubtful statements, with the sentences that state them."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extract.errors import one_of
from extract.interfaces.cli.exits import BAD_INPUT
from extract.interfaces.cli.graph.shared import Json, Store, note_if_behind, open_store, wants_json
from extract.interfaces.cli.options import Threads
from extract.interfaces.cli.printing import as_json, columns

if TYPE_CHECKING:
    from extract.kg.findings import Finding
    from extract.kg.structures import Graph

_SENTENCES = 2  # of each statement on a terminal


def _check_fail_on(value: list[str] | None) -> list[str] | None:
    from extract.kg.findings import KINDS

    known = ["contradiction", "suspicion", *KINDS]
    for name in value or ():
        if name not in known:
            raise typer.BadParameter(one_of("kind of finding", name, known))
    return value


def _check_day(value: str | None) -> str | None:
    try:
        datetime.date.fromisoformat(value or "2000-01-01")
    except ValueError:
        raise typer.BadParameter(f"Expected a day such as 2024-05-31, got {value!r}.") from None
    return value


def check(
    store: Store,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Check domains, ranges, functional relations and disjoint types of this schema.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            callback=_check_fail_on,
            help="Only these findings; may be given several times.",
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            callback=_check_fail_on,
            help="Exit with code 3 if there is a contradiction, a suspicion, or a finding of this kind; "
            "may be given several times.",
        ),
    ] = None,
    plausibility: Annotated[
        bool,
        typer.Option(
            "--plausibility",
            help="Also look for implausible statements; learns models of the graph.",
        ),
    ] = False,
    below: Annotated[
        float, typer.Option(min=0, max=1, help="Plausibility below which a statement is reported.")
    ] = 0.05,
    today: Annotated[
        str | None,
        typer.Option(callback=_check_day, metavar="DAY", help="Dates after it are in the future."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the models of --plausibility.")] = 0,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Report contradictions and suspicions, each with the sentences behind it."""
    with open_store(store) as opened:
        note_if_behind(opened)
        graph = opened.graph()
    from extract.kg.suspicion import suspicions
    from extract.schemas.read import read_schema

    found = suspicions(
        graph,
        None if schema is None else read_schema(schema),
        plausibility=_plausibility(graph, seed, threads) if plausibility else None,
        implausible=below,
        today=None if today is None else datetime.date.fromisoformat(today),
    )
    shown = [f for f in found if not kind or {f.kind, f.severity} & set(kind)]
    if wants_json(json_):
        print(as_json([finding.to_dict(graph) for finding in shown]))
    else:
        print(_table(shown, graph))
    if any({f.kind, f.severity} & set(fail_on or ()) for f in found):
        raise typer.Exit(BAD_INPUT)


def _plausibility(graph: Graph, seed: int, threads: int | None) -> dict[str, float]:
    from extract.kg.completion import CompletionSettings, complete

    settings = CompletionSettings(n_links=0, seed=seed, threads=threads)
    return complete(graph, None, settings).plausibility


def _table(found: list[Finding], graph: Graph) -> str:
    from extract.interfaces.cli.exits import one_line
    from extract.kg.findings import KINDS, sentences

    if not found:
        return f"Nothing found in {len(graph.statements)} statements."
    counts = Counter(finding.kind for finding in found)
    rows = [(counts[name], *what) for name, what in KINDS.items() if counts[name]]
    lines = []
    for finding in found:
        lines.append(f"{finding.kind}: {one_line(finding.message)}")
        for document, sentence in sentences(graph, finding.statements, _SENTENCES):
            lines.append(f"    {one_line(document)}: {one_line(sentence)}")
    return "\n\n".join([columns([("findings", "severity", "what"), *rows]), "\n".join(lines)])
