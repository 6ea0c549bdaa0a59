"""`tripack graph`: a knowledge graph on disk. Each command is a file of `cli/graph/`."""

from __future__ import annotations

import typer

from extract.interfaces.cli.exits import EPILOG
from extract.interfaces.cli.graph.build import add, build
from extract.interfaces.cli.graph.check import check
from extract.interfaces.cli.graph.complete import complete
from extract.interfaces.cli.graph.export import export
from extract.interfaces.cli.graph.merge import explain, merge, merges, unmerge
from extract.interfaces.cli.graph.prior import prior
from extract.interfaces.cli.graph.query import query
from extract.interfaces.cli.graph.rules import rules
from extract.interfaces.cli.graph.stats import stats
from extract.interfaces.cli.graph.view import view

graph_app = typer.Typer(
    help="A knowledge graph on disk, built from texts or from extracted triples.", epilog=EPILOG
)
for command in (
    build,
    add,
    query,
    export,
    view,
    stats,
    merge,
    unmerge,
    merges,
    explain,
    rules,
    complete,
    check,
    prior,
):
    graph_app.command(command.__name__, epilog=EPILOG)(command)
