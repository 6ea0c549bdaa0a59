"""`tripack graph export`: a graph into files for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from extract.errors import one_of
from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.graph.shared import Json, Store, open_store, wants_json
from extract.interfaces.cli.printing import as_json
from extract.kg.export import EXPORTERS


def export(
    store: Store,
    format_: Annotated[
        str, typer.Option("--format", "-f", help=f"One of: {', '.join(sorted(EXPORTERS))}.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="File to write, or folder if the format is several files."
        ),
    ],
    style: Annotated[
        str | None,
        typer.Option(
            help="How RDF says things about statements: rdf12, wikidata or reification. Default: the "
            "graph's own where the format can hold it."
        ),
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Leave out statements below this score, from 0 to 1.")
    ] = 0.0,
    relation: Annotated[
        list[str] | None,
        typer.Option("--relation", help="Only this relation, by name or id; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    json_: Json = False,
) -> None:
    """Write a graph for other tools: RDF, GraphML, Neo4j or Parquet. See docs/exports.md."""
    if format_ not in EXPORTERS:
        raise UsageError(one_of("export format", format_, list(EXPORTERS)))
    if not 0.0 <= min_score <= 1.0:
        raise UsageError(f"Expected a --min-score from 0 to 1, got {min_score}.")
    from extract.kg.export.registry import export_graph, exporter
    from extract.kg.export.select import select

    with open_store(store) as opened:
        graph, settings = opened.graph(), opened.settings
    part = select(graph, min_score=min_score, relations=relation or ())
    if style is None and settings.style in exporter(format_).styles:
        style = settings.style
    export_graph(part, format_, out, style=style, namespace=settings.namespace, force=force)
    found = {
        "output": str(out),
        "format": format_,
        "entities": len(part.nodes),
        "statements": len(part.statements),
        "left_out": len(graph.statements) - len(part.statements),
    }
    print(as_json(found) if wants_json(json_) else _summary(found))


def _summary(found: dict[str, Any]) -> str:
    left_out = f", {found['left_out']} left out" if found["left_out"] else ""
    return f"{found['output']}: {found['statements']} statements{left_out}, {found['entities']} entities"
