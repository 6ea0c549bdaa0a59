"""`tripack schema`: schemas shown, inferred from a corpus, checked against triples, converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import InputError, ModelError, SchemaError
from extract.interfaces.cli.exits import BAD_INPUT, EPILOG, UsageError
from extract.interfaces.cli.gold import read_gold
from extract.interfaces.cli.options import CorpusFolder, CorpusName, DevCut
from extract.interfaces.cli.printing import as_json
from extract.interfaces.cli.schema_tables import (
    conformance_table,
    evidence_table,
    pairs_table,
    schema_table,
)
from extract.interfaces.io.target import Target

if TYPE_CHECKING:
    from extract.schema import Schema
    from extract.structures import Sentence

schema_app = typer.Typer(help="Schemas: what may be extracted.", epilog=EPILOG)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Language = Annotated[
    str, typer.Option(help="Language of the names taken from an ontology, such as en or de.")
]
Split = Annotated[str, typer.Option(help="Split of the corpus.")]
CorpusFile = Annotated[
    Path | None, typer.Option(help="Read this file of the corpus's format, not a split.")
]
Seed = Annotated[int, typer.Option(help="Seed of that cut.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]


@schema_app.command("show", epilog=EPILOG)
def show(
    schema: Annotated[
        str, typer.Argument(metavar="FILE_OR_MODEL", help="A schema's file, or a model.")
    ],
    pairs: Annotated[
        bool, typer.Option("--pairs", help="List the relations that each pair of types may have.")
    ] = False,
    language: Language = "en",
    json_: Json = False,
) -> None:
    """Show a schema, of a file of any format or of a model."""
    read = _read(schema, language)
    if json_:
        print(as_json(_by_pair(read) if pairs else read.to_dict()))
    else:
        print(pairs_table(_by_pair(read)) if pairs else schema_table(read))


@schema_app.command("infer", epilog=EPILOG)
def infer(
    corpus: CorpusName,
    split: Split = "train",
    file: CorpusFile = None,
    path: CorpusFolder = None,
    dev: DevCut = None,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the schema to this JSON file.")
    ] = None,
    functional: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Make relations functional that N or more subjects have, each with one object.",
        ),
    ] = None,
    force: Force = False,
    json_: Json = False,
) -> None:
    """Infer a schema from a corpus: labels, type pairs and cardinalities, with counts."""
    from extract.schemas.evidence import infer as infer_schema

    with Target(output, force=force) as target:
        found = infer_schema(_gold(corpus, split, file, path, dev, seed), corpus, functional)
        if output is not None:
            _write(target, found.schema)
    print(as_json(found.to_dict()) if json_ else evidence_table(found))


@schema_app.command("check", epilog=EPILOG)
def check(
    schema: Annotated[
        str, typer.Argument(metavar="FILE_OR_MODEL", help="A schema's file, or a model.")
    ],
    corpus: Annotated[
        str | None, typer.Option("--corpus", "-c", help="Check the gold triples of this corpus.")
    ] = None,
    split: Split = "train",
    file: CorpusFile = None,
    path: CorpusFolder = None,
    dev: DevCut = None,
    seed: Seed = 0,
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            "-i",
            help="Check JSON Lines that `tripack extract` wrote: a file, or a folder of them.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 3 if anything breaks the schema.")
    ] = False,
    language: Language = "en",
    json_: Json = False,
) -> None:
    """Count the triples of a corpus or of an output that break a schema."""
    if (corpus is None) == (input_ is None):
        got = "neither" if corpus is None else "both"
        raise UsageError(f"Expected one of --corpus and --input, got {got}.")
    if input_ is not None and (file is not None or path is not None or dev is not None):
        raise UsageError(
            "Got --input together with --file, --path or --dev, which are of a corpus."
        )
    from extract.schemas.check import check as check_schema

    read = _read(schema, language)
    if input_ is None:
        sentences = _gold(str(corpus), split, file, path, dev, seed)
    else:
        sentences = [
            s for part in _parts(input_) for s in _gold("tripack", split, part, None, None, 0)
        ]
    found = check_schema(read, sentences)
    print(as_json(found.to_dict()) if json_ else conformance_table(found))
    if strict and found.broken:
        raise typer.Exit(BAD_INPUT)


@schema_app.command("convert", epilog=EPILOG)
def convert(
    schema: Annotated[
        str, typer.Argument(metavar="FILE_OR_MODEL", help="A schema's file, or a model.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT.json", help="JSON file to write.")],
    language: Language = "en",
    force: Force = False,
) -> None:
    """Write a schema of any format as tripack's JSON."""
    if output.suffix.lower() != ".json":
        raise UsageError(f"Expected an output named .json, got {output}. JSON is what is written.")
    read = _read(schema, language)
    with Target(output, force=force) as target:
        _write(target, read)


def _read(name: str, language: str) -> Schema:
    """The schema of a file, else of a model of that name or folder."""
    from extract.schema import Schema
    from extract.schemas.read import FORMATS, read_schema

    path = Path(name).expanduser()
    if path.is_file():
        return read_schema(path, language)
    from extract.models import registry

    try:
        folder = registry.resolve(name)
    except ModelError as error:
        known = ", ".join(info.name for info in registry.available())
        raise SchemaError(
            f"{name} is neither a file nor a model: expected a file ({FORMATS}), a model folder or one "
            f"of: {known}."
        ) from error
    return Schema.read(folder / "schema.json")


def _write(target: Target, schema: Schema) -> None:
    target.write(json.dumps(schema.to_dict(), ensure_ascii=False, indent=1) + "\n")


def _parts(output: Path) -> list[Path]:
    """The files of JSON Lines that `tripack extract` wrote: the one that is named, or those of a folder."""
    if output.is_dir():
        parts = sorted(output.glob("*.jsonl"))
        if not parts:
            raise InputError(
                f"Expected a folder with JSON Lines (*.jsonl) that 'tripack extract' wrote, got {output}."
            )
        return parts
    if output.suffix.lower() in (".csv", ".parquet", ".html", ".ttl", ".nq"):
        raise InputError(
            f"Expected JSON Lines that 'tripack extract' wrote, got {output}. Extract with --format jsonl."
        )
    return [output]


def _gold(
    corpus: str, split: str, file: Path | None, path: Path | None, dev: int | None, seed: int
) -> list[Sentence]:
    examples = read_gold(corpus, split, file, path, dev, seed)
    sentences = [example.sentence for example in examples]
    if not sentences:
        raise InputError(f"Expected sentences in {file or corpus}, got none.")
    return sentences


def _by_pair(schema: Schema) -> list[dict[str, Any]]:
    """The relations that each pair of entity types may have, pairs without any left out."""
    rows = [
        {"subject": a, "object": b, "relations": schema.relations_between(a, b)}
        for a in schema.entity_names
        for b in schema.entity_names
    ]
    return [row for row in rows if row["relations"]]
