"""`tripack corpora`: which corpora can be read, and what stands in the files at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import CorpusError
from extract.interfaces.cli.exits import EPILOG
from extract.interfaces.cli.printing import as_json, columns

if TYPE_CHECKING:
    from corpora import Corpus, Example

corpora_app = typer.Typer(help="The corpora that can be read.", epilog=EPILOG)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    """Show a corpus: source, licence, splits, and counts of the data at hand."""
    import corpora

    corpus = corpora.get(name)
    place = path if path is not None else _folder(name)
    described = _about(corpus) | {"path": place, "splits": {}}
    if place is not None:
        described["splits"] = {
            split: _counts(examples) for split, examples in corpora.read(name, place).items()
        }
    if json_:
        print(as_json(described))
        return
    about = {key: value for key, value in described.items() if key != "splits"}
    print(columns([(key, "-" if value is None else value) for key, value in about.items()]))
    print()
    if place is None:
        print("Its data is not at hand: give its folder with --path, or set TRIPACK_CORPORA.")
        return
    heads = ("documents", "sentences", "words", "entities", "triples", "qualifiers", "unaligned")
    table: list[tuple[object, ...]] = [("split", *heads)]
    table += [(split, *map(counts.get, heads)) for split, counts in described["splits"].items()]
    print(columns(table))
    for split, counts in described["splits"].items():
        changed = [f"{value} {key}" for key, value in counts["changes"].items() if value]
        if changed:
            print(f"{split}, while reading: {', '.join(changed)}".replace("_", " "))


def _folder(name: str) -> str | None:
    import corpora

    try:
        return str(Path(corpora.locate(name)))
    except CorpusError:
        return None


def _about(corpus: Corpus) -> dict[str, Any]:
    return {
        "name": corpus.name,
        "title": corpus.title,
        "licence": corpus.licence,
        "source": corpus.source,
        "hub_name": corpus.hub_name,
        "citation": corpus.citation,
        "files": ", ".join(
            f"{split}: {' '.join(files)}" for split, files in corpus.split_files.items()
        ),
    }


def _counts(examples: Sequence[Example]) -> dict[str, Any]:
    """How much a split holds; `changes` is what the reader had to drop, merge or repair."""
    from dataclasses import asdict

    from corpora import Changes

    sentences = [example.sentence for example in examples]
    triples = [triple for sentence in sentences for triple in sentence.triples]
    return {
        "documents": len({sentence.doc_id for sentence in sentences}),
        "sentences": len(sentences),
        "words": sum(map(len, sentences)),
        "entities": sum(len(sentence.entities) for sentence in sentences),
        "triples": len(triples),
        "qualifiers": sum(len(triple.qualifiers) for triple in triples),
        "unaligned": sum(len(example.unaligned) for example in examples),
        "changes": asdict(sum((example.changes for example in examples), Changes())),
    }
