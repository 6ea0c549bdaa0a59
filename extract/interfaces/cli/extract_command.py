"""`tripack extract`: triples from a text, files, a folder or standard input."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from extract.errors import InputError, OutputError, TripackError
from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.memory import return_large_blocks
from extract.interfaces.cli.options import (
    DEFAULT_MODEL,
    INPUT,
    Accuracy,
    BackOff,
    BatchSize,
    Decoder,
    Device,
    Dtype,
    ExitLayer,
    IdField,
    Lines,
    Model,
    Objective,
    PriorWeight,
    RelationPriorFile,
    Runtime,
    SchemaFile,
    SkipBad,
    TextField,
    Threads,
    Threshold,
    TimeLimit,
    check_search,
)
from extract.interfaces.cli.progress import ProgressBar
from extract.interfaces.cli.shards import (
    Engine,
    Resume,
    Sharding,
    ShardSize,
    Workers,
    run_shards,
)
from extract.interfaces.extraction import (
    ModelOptions,
    OptionsError,
    TripleCount,
    load_extractor,
    sentences_over,
)
from extract.interfaces.io.readers import READERS, Item
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source, text_argument
from extract.interfaces.io.target import Target
from extract.interfaces.io.writers import FORMATS, SUFFIXES, Writer, make_writer

_OUTPUT = "Output"
_OTHERS = {  # suffixes of what a file's name would promise in vain
    "parquet": "Parquet is written in shards, --output FOLDER/ --format parquet",
    "gz": "output is not compressed",
    "zst": "output is not compressed",
}


def extract(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT|-]", help="The text; without it, or with -, --input or a pipe is read."
        ),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE|FOLDER|-",
            rich_help_panel=INPUT,
            help="A .txt, .jsonl, .csv or .parquet file, a folder of them, or - for the pipe.",
        ),
    ] = None,
    lines: Lines = False,
    text_field: TextField = "text",
    id_field: IdField = "id",
    input_format: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=INPUT,
            help="text, jsonl, csv or parquet; default: by the file's suffix, else text.",
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(rich_help_panel=INPUT, help="Encoding of text, JSON Lines and CSV.")
    ] = "utf-8",
    errors: Annotated[
        str,
        typer.Option(
            rich_help_panel=INPUT, help="Invalid bytes: strict stops, replace writes U+FFFD."
        ),
    ] = "strict",
    skip_bad: SkipBad = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/|-",
            rich_help_panel=_OUTPUT,
            help="File to write (complete or not at all), or FOLDER/ for shards; default: standard output.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            rich_help_panel=_OUTPUT,
            help="table, jsonl, csv, html, pairs, turtle or nquads; default: table on a terminal, by the "
            "suffix of FILE (.csv, .html, .ttl, .nq), else jsonl. "
            "Shards: jsonl or parquet.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", rich_help_panel=_OUTPUT, help="Replace an existing output.")
    ] = False,
    shard_size: ShardSize = None,
    workers: Workers = None,
    resume: Resume = False,
    engine: Engine = "local",
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", rich_help_panel=_OUTPUT, help="No progress bar and no summary."
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            rich_help_panel=_OUTPUT,
            help="Also say what decoding left out, by which constraint; for table and jsonl.",
        ),
    ] = False,
    model: Model = DEFAULT_MODEL,
    accuracy: Accuracy = None,
    decoder: Decoder = "greedy",
    objective: Objective = None,
    time_limit: TimeLimit = None,
    schema: SchemaFile = None,
    back_off: BackOff = None,
    relation_prior: RelationPriorFile = None,
    prior_weight: PriorWeight = 1.0,
    threshold: Threshold = None,
    batch_size: BatchSize = 32,
    threads: Threads = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    runtime: Runtime = "torch",
    exit_layer: ExitLayer = None,
    low_memory: Annotated[
        bool, typer.Option("--low-memory", help="Give freed memory back at once; slower.")
    ] = False,
) -> None:
    """Extract triples from a TEXT, from --input, or from a pipe.

    On a terminal the result is a table, else JSON Lines. A TEXT with a leading dash goes after --.
    With --output FOLDER/ the result is cut into shards, and a run that was interrupted can go on.
    """
    settings = _settings(text_field, id_field, lines, encoding, errors, skip_bad, input_format)
    sharding = Sharding(shard_size, workers, resume, engine)
    in_shards = sharding.wanted(output)
    out_path = None if output in (None, "-") else Path(str(output))
    writer = None if in_shards else _writer(format_, out_path, explain=explain)
    items, source = _items(text, input_, settings)
    check_search(decoder, objective, time_limit)
    options = ModelOptions(
        model=model,
        accuracy=accuracy,
        decoder=decoder,
        objective=objective,
        time_limit=time_limit,
        back_off=back_off,
        schema=schema,
        threshold=threshold,
        batch_size=batch_size,
        threads=threads,
        device=device,
        dtype=dtype,
        runtime=runtime,
        exit_layer=exit_layer,
        explain=explain,
        relation_prior=relation_prior,
        prior_weight=prior_weight,
    )
    if writer is None:
        run_shards(
            *(source, Path(str(output)), format_, options, sharding),
            force=force,
            low_memory=low_memory,
            quiet=quiet,
        )
        return
    _refuse_input_as_output(source, out_path)
    if low_memory:
        return_large_blocks()
    _run(items, source, Target(out_path, force=force), writer, options, quiet=quiet)


def _settings(
    text_field: str,
    id_field: str,
    lines: bool,
    encoding: str,
    errors: str,
    skip_bad: bool,
    input_format: str | None,
) -> ReadSettings:
    if input_format is not None and input_format not in READERS:
        known = ", ".join(sorted(READERS))
        raise UsageError(f"Unknown input format {input_format!r}. Expected one of: {known}.")
    try:
        return ReadSettings(text_field, id_field, lines, encoding, errors, skip_bad, input_format)
    except InputError as error:
        raise UsageError(str(error)) from error


def _writer(name: str | None, out_path: Path | None, *, explain: bool) -> Writer:
    if name is None and out_path is None:
        name = "table" if sys.stdout.isatty() else "jsonl"
    elif name is None:
        suffix = out_path.suffix.lower().removeprefix(".") if out_path is not None else ""
        if suffix in _OTHERS:
            raise UsageError(
                f"Got --output {out_path}, expected a name without .{suffix}: {_OTHERS[suffix]}. "
                "Or say by --format what to write there."
            )
        known = SUFFIXES.get(suffix, suffix)
        name = known if known in FORMATS else "jsonl"
    if explain and name not in ("table", "jsonl"):
        raise UsageError(f"Got --explain with format {name}, expected table or jsonl.")
    try:
        return make_writer(name)
    except OutputError as error:
        raise UsageError(str(error)) from error


def _items(
    text: str | None, inputs: list[str] | None, settings: ReadSettings
) -> tuple[Iterable[Item], Source | None]:
    """The documents to read, and the source that counts them unless it is the argument itself."""
    if inputs is not None and len(inputs) > 1:
        raise UsageError(
            f"Got --input {len(inputs)} times, expected it once. Give a folder that holds the files."
        )
    where = inputs[0] if inputs else None
    if text == "-" and where is None:
        text, where = None, "-"
    if text is not None and where is not None:
        raise UsageError(
            f"Got both a text ({_short(text)}) and --input {where}, expected one of them. "
            "Quote a text of several words; a pattern such as *.txt names a file each: "
            "give their folder instead."
        )
    if text is not None:
        if not text.strip():
            raise UsageError("The text is empty, expected some words.")
        _note_file_name(text)
        return [("doc-1", text_argument(text, settings))], None
    if where is None and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("Nothing to read, expected a TEXT, --input or a pipe.")
    source = Source.open(where if where is not None else "-", settings)
    return source, source


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def _note_file_name(text: str) -> None:
    """A file name given as the text is a likely slip, though it can be meant."""
    if len(text) > 255:
        return
    try:
        exists = Path(text).exists()
    except (OSError, ValueError):
        return
    if exists:
        print(
            f"tripack: note: {_short(text)} is read as a text; to read the file use --input",
            file=sys.stderr,
        )


def _refuse_input_as_output(source: Source | None, out_path: Path | None) -> None:
    if source is None or out_path is None or not out_path.is_file():
        return
    for file in source.files:
        if file.path is not None and file.path.samefile(out_path):
            raise UsageError(
                f"{out_path} is both input and output, expected two files. Name another --output."
            )


class _UpToError:
    """The items before an error, so that they are finished before it is raised.

    The pipeline reads ahead; without this a bad record would take the good ones of its batch
    with it.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._first: list[Item] = []
        self.error: TripackError | None = None

    def read_first(self) -> None:
        """Read the first item now. Raises the error if there is one before it."""
        self._first = list(islice(self._items, 1))

    def __iter__(self) -> Iterator[Item]:
        try:
            while self._first:
                yield self._first.pop()
            yield from self._items
        except TripackError as error:
            self.error = error


def _run(
    items: Iterable[Item],
    source: Source | None,
    target: Target,
    writer: Writer,
    options: ModelOptions,
    *,
    quiet: bool,
) -> None:
    with target:
        good = _UpToError(items)
        good.read_first()  # an input that cannot be read is refused before the model is loaded
        try:
            extractor = load_extractor(options)
        except OptionsError as error:
            raise UsageError(str(error)) from error
        # What libraries and the model made stays to the end: not to be searched for garbage again.
        gc.freeze()
        target.write(writer.header, n_documents=0)
        count, started = TripleCount(), time.monotonic()
        to_screen = target.path is None and sys.stdout.isatty()
        with ProgressBar(source, wanted=not quiet and not to_screen) as bar:
            for document, sentences in sentences_over(extractor, good, options):
                target.write(writer.pieces(document, count.passing(sentences)))
                bar.update(target.n_documents)
        if good.error is not None:
            raise good.error
    if not quiet:
        seconds = time.monotonic() - started
        print(_summary(target.n_documents, count.n_triples, seconds, source), file=sys.stderr)


def _summary(n_documents: int, n_triples: int, seconds: float, source: Source | None) -> str:
    rate = n_documents / seconds if seconds > 0 else 0.0
    parts = [
        f"tripack: {_count(n_documents, 'document')}, {_count(n_triples, 'triple')} "
        f"in {seconds:.1f} s ({rate:.1f} documents/s)"
    ]
    if source is not None and source.tally.n_bad:
        parts.append(
            f"{_count(source.tally.n_bad, 'bad record or file', 'bad records or files')} skipped"
        )
    if source is not None and source.n_skipped_files:
        parts.append(f"{_count(source.n_skipped_files, 'file')} of other kinds skipped")
    return "; ".join(parts)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
