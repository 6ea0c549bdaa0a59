"""`tripack corpora`: which corpora can be read, and what stands in the files at hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from extract.errors import CorpusError
from extract.interfaces.cli.exits import EPILOG
from extract.interfaces.cli.printing import as_json, columns

corpora_app = typer.Typer(help="The corpora that can be read.", epilog=EPILOG)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_ABOUT = ("name", "title", "licence", "source", "citation", "hub_name")
_COUNTS = ("examples", "documents", "words", "entities", "triples", "qualifiers", "unaligned")
_LABELS = ("entity_types", "relations", "qualifier_labels")


@corpora_app.command("list", epilog=EPILOG)
def list_(json_: Json = False) -> None:
    """List the known corpora, and which of them are at hand in $TRIPACK_CORPORA."""
    import corpora

    rows = [
        {"name": name, "title": corpora.get(name).title, "folder": _folder(name)}
        for name in corpora.names()
    ]
    if json_:
        print(as_json(rows))
        return
    cells = [(r["name"], "at hand" if r["folder"] else "-", r["title"]) for r in rows]
    print(columns([("name", "data", "title"), *cells]))


@corpora_app.command("show", epilog=EPILOG)
def show(
    name: Annotated[str, typer.Argument(help="A name from `tripack corpora list`.")],
    path: Annotated[
        str | None,
        typer.Option(help="Its folder, or one file; default: its folder in $TRIPACK_CORPORA."),
    ] = None,
    json_: Json = False,
) -> None:
    """Show a corpus: source, licence, and the counts and labels of the data at hand."""
    import corpora

    corpus = corpora.get(name)
    described: dict[str, Any] = {key: getattr(corpus, key) for key in _ABOUT}
    described["path"] = place = path if path is not None else _folder(name)
    if place is not None:
        from corpora.describe import describe

        described |= describe(name, place)
    if json_:
        print(as_json(described))
        return
    print(columns([(key.replace("_", " "), described[key] or "-") for key in (*_ABOUT, "path")]))
    if place is None:
        print("\nIts data is not at hand: give its folder with --path, or set TRIPACK_CORPORA.")
        return
    splits: dict[str, dict[str, Any]] = described["splits"]
    table = [(split, *map(counts.get, _COUNTS)) for split, counts in splits.items()]
    print("\n" + columns([("split", *_COUNTS), *table]))
    for split, counts in splits.items():
        _print_details(split, counts)


def _print_details(split: str, counts: dict[str, Any]) -> None:
    """The labels of a split, the most frequent first, and what reading changed."""
    print()
    for key in _LABELS:
        if labels := counts[key]:
            listed = ", ".join(f"{label} {n}" for label, n in labels.items())
            print(f"{split}, {key.replace('_', ' ')} ({len(labels)}): {listed}")
    changed = {**counts["changes"], **counts.get("notes", {})}
    if listed := ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in changed.items() if n):
        print(f"{split}, while reading: {listed}")


def _folder(name: str) -> str | None:
    import corpora

    try:
        return str(corpora.locate(name))
    except CorpusError:
        return None
