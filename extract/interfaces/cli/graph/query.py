"""`tripack graph query`: SPARQL over a graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import InputError
from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.graph.shared import Store, note_if_behind, on_terminal, open_store
from extract.interfaces.cli.printing import columns

if TYPE_CHECKING:
    from extract.kg.sparql import Result


def query(
    store: Store,
    sparql: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPARQL|@FILE]", help="The query, or @ and the name of a file that holds it."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the query from a file.")] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="table, json, csv or tsv for SELECT and ASK; turtle or ntriples for CONSTRUCT and DESCRIBE. "
            "Default: table on a terminal, else json; turtle.",
        ),
    ] = None,
) -> None:
    """Ask a graph by SPARQL: SELECT, ASK, CONSTRUCT or DESCRIBE.

    Prefixes are predefined: those of RDF, RDFS, XSD, SKOS, PROV, Web Annotation (oa) and Wikidata, and
    ent, rel, type, doc, st and tp for the graph's own.
    """
    text = _text(sparql, file)
    with open_store(store) as opened:
        from extract.kg.sparql import FORMATS, run_query

        if format_ is not None and format_ not in ("table", *FORMATS):
            raise UsageError(
                f"Unknown format {format_!r}. Expected one of: {', '.join(('table', *FORMATS))}."
            )
        note_if_behind(opened)
        prefixes = opened.names.prefixes
        _print(run_query(opened.rdf, text, prefixes), format_, prefixes)


def _text(sparql: str | None, file: Path | None) -> str:
    if (sparql is None) == (file is None):
        got = "neither" if sparql is None else "both"
        raise UsageError(f"Expected a query or --file, got {got}.")
    if sparql is not None and not sparql.startswith("@"):
        return sparql
    path = file if file is not None else Path(str(sparql)[1:])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Cannot read the query {path}: {reason}. Expected a UTF-8 file."
        ) from error


def _print(result: Result, format: str | None, prefixes: dict[str, str]) -> None:
    from pyoxigraph import QueryBoolean, QueryTriples

    from extract.kg.sparql import serialized

    if isinstance(result, QueryTriples):
        chosen = "turtle" if format in (None, "table") else format
    else:
        chosen = format or ("table" if on_terminal() else "json")
    if chosen == "table":
        print("true" if result else "false") if isinstance(result, QueryBoolean) else _table(
            result, prefixes
        )
        return
    written = serialized(result, str(chosen), prefixes)
    sys.stdout.buffer.write(written if written.endswith(b"\n") else written + b"\n")


def _table(result: Any, prefixes: dict[str, str]) -> None:
    from extract.interfaces.io.table import visible
    from extract.kg.sparql import rows

    found = [[visible(cell) for cell in row] for row in rows(result, prefixes)]
    print(columns(found) if len(found) > 1 else "No solutions.")
