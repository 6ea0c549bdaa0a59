"""`tripack graph view`: a graph as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extract.errors import InputError
from extract.interfaces.cli.graph.shared import Store, note_if_behind, open_store
from extract.interfaces.io.target import Target


def view(
    store: Store,
    out: Annotated[
        Path,
        typer.Option("--out", "--output", "-o", metavar="FILE.html", help="The page to write."),
    ],
    title: Annotated[
        str | None, typer.Option(help="Title of the page; default: the name of the graph's folder.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Show at most N statements, those of best score."),
    ] = 20_000,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing page.")] = False,
) -> None:
    """Write a graph as one HTML page that needs no network: its sentences, statements and graph."""
    from extract.kg.view import graph_page

    with Target(out, force=force) as target:
        with open_store(store) as opened:
            note_if_behind(opened)
            graph = opened.graph()
        if not graph.statements:
            raise InputError(
                f"The graph in {store} has no statements, expected at least one to show. "
                f"Add some by: tripack graph add FILE --store {store}"
            )
        target.write(graph_page(graph, title or store.resolve().name, most=limit))
