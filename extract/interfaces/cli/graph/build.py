"""`tripack graph build` and `add`: documents into a graph."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import InputError
from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.graph.extraction import Extraction
from extract.interfaces.cli.graph.inputs import open_inputs, read_inputs
from extract.interfaces.cli.graph.intake import Intake
from extract.interfaces.cli.graph.shared import Json, Store, open_store, require_graph, wants_json
from extract.interfaces.cli.options import (
    DEFAULT_MODEL,
    INPUT,
    BatchSize,
    Decoder,
    Device,
    IdField,
    Lines,
    Model,
    Quiet,
    SkipBad,
    TextField,
    Threads,
    Threshold,
)
from extract.interfaces.cli.printing import as_json
from extract.interfaces.cli.progress import ProgressBar
from extract.interfaces.extraction import ModelOptions
from extract.interfaces.io.readers import READERS
from extract.interfaces.io.settings import ReadSettings

if TYPE_CHECKING:
    from extract.kg.graph_settings import GraphSettings

_GRAPH = "Graph"

InputFormat = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=INPUT,
        help="text, jsonl, csv or parquet; default: by the file's suffix, else by content.",
    ),
]


def build(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Texts, or JSON Lines that `tripack extract` wrote: files, folders or - for the pipe.",
        ),
    ],
    store: Store,
    style: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_GRAPH,
            help="How RDF says things about statements: rdf12, wikidata or reification.",
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(rich_help_panel=_GRAPH, help="What the graph's own IRIs start with."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            rich_help_panel=_GRAPH,
            help="A rule of entity resolution; may be repeated. Default: those of docs/graph.md.",
        ),
    ] = None,
    similarity: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_GRAPH, help="Least similarity of texts that are merged, from 0 to 1."
        ),
    ] = None,
    aliases: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            rich_help_panel=_GRAPH,
            help="Names of entities, each with a list of its other names.",
        ),
    ] = None,
    lines: Lines = False,
    text_field: TextField = "text",
    id_field: IdField = "id",
    input_format: InputFormat = None,
    skip_bad: SkipBad = False,
    model: Model = DEFAULT_MODEL,
    decoder: Decoder = "greedy",
    threshold: Threshold = None,
    batch_size: BatchSize = 32,
    threads: Threads = None,
    device: Device = "auto",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Build a graph from texts or extracted documents, or add to it: what is there already stays.

    Run again after an interrupt, it goes on where it was.
    """
    read = _read_settings(lines, text_field, id_field, input_format, skip_bad)
    options = ModelOptions(
        model,
        decoder=decoder,
        threshold=threshold,
        batch_size=batch_size,
        threads=threads,
        device=device,
    )
    chosen = _Choices(style, namespace, rule, similarity, _read_aliases(aliases))
    chosen.check()
    _run(inputs, store, read, options, chosen, create=True, quiet=quiet, json_=json_)


def add(
    store: Store,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INPUT...]", help="As for build; none only finishes a broken run."),
    ] = None,
    lines: Lines = False,
    text_field: TextField = "text",
    id_field: IdField = "id",
    input_format: InputFormat = None,
    skip_bad: SkipBad = False,
    model: Model = DEFAULT_MODEL,
    decoder: Decoder = "greedy",
    threshold: Threshold = None,
    batch_size: BatchSize = 32,
    threads: Threads = None,
    device: Device = "auto",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Add documents to an existing graph. One whose content changed replaces what was known of it."""
    read = _read_settings(lines, text_field, id_field, input_format, skip_bad)
    options = ModelOptions(
        model,
        decoder=decoder,
        threshold=threshold,
        batch_size=batch_size,
        threads=threads,
        device=device,
    )
    _run(inputs or [], store, read, options, _Choices(), create=False, quiet=quiet, json_=json_)


@dataclass(frozen=True, slots=True)
class _Choices:
    """Settings of the graph that the command line names; None keeps what the graph has."""

    style: str | None = None
    namespace: str | None = None
    rules: list[str] | None = None
    similarity: float | None = None
    aliases: tuple[tuple[str, ...], ...] | None = None

    def check(self) -> None:
        """Raise a usage error for a value that no graph takes."""
        require_graph()
        from extract.kg.graph_settings import GraphSettings

        try:
            self.over(GraphSettings())
        except InputError as error:
            raise UsageError(str(error)) from error

    def over(self, known: GraphSettings) -> GraphSettings:
        """The settings with what was chosen in place."""
        own = {"style": self.style, "namespace": self.namespace}
        rules = None if self.rules is None else tuple(self.rules)
        resolution = {"rules": rules, "similarity": self.similarity, "aliases": self.aliases}
        return replace(
            known,
            resolution=replace(known.resolution, **_given(resolution)),
            **_given(own),
        )


def _read_aliases(path: Path | None) -> tuple[tuple[str, ...], ...] | None:
    if path is None:
        return None
    require_graph()
    from extract.kg.alias_file import read_aliases

    return read_aliases(path)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _read_settings(
    lines: bool, text_field: str, id_field: str, input_format: str | None, skip_bad: bool
) -> ReadSettings:
    if input_format is not None and input_format not in READERS:
        known = ", ".join(sorted(READERS))
        raise UsageError(f"Unknown input format {input_format!r}. Expected one of: {known}.")
    return ReadSettings(text_field, id_field, lines, skip_bad=skip_bad, input_format=input_format)


def _run(
    inputs: list[str],
    folder: Path,
    read: ReadSettings,
    options: ModelOptions,
    chosen: _Choices,
    *,
    create: bool,
    quiet: bool,
    json_: bool,
) -> None:
    require_graph()
    sources, extraction = open_inputs(inputs, read), Extraction(options)
    reads = read_inputs(sources)
    first = list(islice(reads, 1))  # what cannot be read at all is refused before anything is made
    if any(isinstance(one, tuple) for one in first):
        extraction.check()
    started = time.monotonic()
    with open_store(folder, write=True, create=create) as store:
        store.configure(chosen.over(store.settings))
        intake = Intake(store, extraction)
        try:
            with ProgressBar(sources[0] if sources else None, wanted=not quiet) as bar:
                for n_documents in intake.take(chain(first, reads)):
                    bar.update(n_documents)
        except BaseException as error:
            if intake.n_documents:
                again = "run the command again to go on"
                error.add_note(
                    f"{intake.n_documents} documents of this run are in {folder}; {again}"
                )
            raise
        change = store.derive()
        counts = store.counts()
    found = {
        "documents": intake.outcomes(),
        "skipped": sum(source.tally.n_bad for source in sources),
        "statements": {"added": change.statements_added, "removed": change.statements_removed},
        "quads": {"added": change.quads_added, "removed": change.quads_removed},
        "graph": {
            name: getattr(counts, name) for name in ("documents", "names", "entities", "statements")
        },
        "seconds": round(time.monotonic() - started, 1),
    }
    print(as_json(found) if wants_json(json_) else _summary(found, folder))


def _summary(found: dict[str, Any], folder: Path) -> str:
    documents, statements, graph = found["documents"], found["statements"], found["graph"]
    bad = f", {found['skipped']} bad records skipped" if found["skipped"] else ""
    return (
        f"{sum(documents.values())} documents read: {documents['added']} added, "
        f"{documents['replaced']} replaced, {documents['unchanged']} unchanged{bad}\n"
        f"{statements['added']} statements added, {statements['removed']} removed "
        f"in {found['seconds']:.1f} s\n"
        f"{folder} now holds {graph['documents']} documents, {graph['entities']} entities "
        f"({graph['names']} before resolution), {graph['statements']} statements"
    )
