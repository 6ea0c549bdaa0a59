"""`tripack extract --output FOLDER/`: the run over shards, as the command line starts it and tells of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extract.errors import one_of
from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.options import check_positive
from extract.interfaces.cli.progress import ProgressBar
from extract.interfaces.extraction import ModelOptions, OptionsError
from extract.interfaces.io.sources import Source

if TYPE_CHECKING:
    from extract.interfaces.batch.runner import Summary

ENGINES = ["local", "ray"]
SHARD_FORMATS = ["jsonl", "parquet"]
_PANEL = "Large inputs"


def _check_engine(value: str) -> str:
    if value not in ENGINES:
        raise typer.BadParameter(one_of("engine", value, ENGINES))
    return value


ShardSize = Annotated[
    int | None,
    typer.Option(
        "--shard-size",
        metavar="N",
        rich_help_panel=_PANEL,
        callback=check_positive,
        help="Documents a shard; default: 5000.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        rich_help_panel=_PANEL,
        callback=check_positive,
        help="Processes, each with a model and --threads threads (default 1); default: one a core.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", rich_help_panel=_PANEL, help="Go on with the unfinished run in the folder."
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        rich_help_panel=_PANEL,
        callback=_check_engine,
        help="What runs the workers: local, or ray (a cluster).",
    ),
]


@dataclass(frozen=True, slots=True)
class Sharding:
    """The options of a run over shards."""

    shard_size: int | None
    workers: int | None
    resume: bool
    engine: str

    def wanted(self, output: str | None) -> bool:
        """Whether the output is a folder of shards. Raises `UsageError` for options without a folder."""
        given = [
            name
            for name, value in (
                ("--shard-size", self.shard_size),
                ("--workers", self.workers),
                ("--resume", self.resume),
                ("--engine ray", self.engine != "local"),
            )
            if value
        ]
        folder = output is not None and output.endswith(("/", os.sep))
        if given and not folder:
            raise UsageError(
                f"Got {given[0]} with {'no --output' if output is None else f'--output {output}'}, "
                "expected a folder for the shards, as in --output FOLDER/."
            )
        return folder


def run_shards(
    source: Source | None,
    folder: Path,
    format_name: str | None,
    options: ModelOptions,
    sharding: Sharding,
    *,
    force: bool,
    low_memory: bool,
    quiet: bool,
) -> None:
    """Run, and say on standard error what was done. Raises `UsageError` for options that clash."""
    if source is None or any(file.path is None for file in source.files):
        raise UsageError(
            f"Got --output {folder}/ without files to read, expected --input FILE or FOLDER: "
            "a run that goes on reads its input again."
        )
    if format_name not in (None, *SHARD_FORMATS):
        raise UsageError(
            f"Got --format {format_name} with a folder, expected one of: {', '.join(SHARD_FORMATS)}."
        )
    if options.explain and format_name == "parquet":
        raise UsageError("Got --explain with format parquet, expected jsonl.")
    if sharding.resume and force:
        raise UsageError("Got both --resume and --force, expected one of them.")
    _refuse_inside(source, folder)
    from extract.interfaces.batch.runner import SHARD_SIZE, Request, run

    request = Request(
        source,
        replace(options, threads=options.threads or 1),
        folder,
        format=format_name or "jsonl",
        shard_size=sharding.shard_size or SHARD_SIZE,
        workers=sharding.workers or _n_cores(),
        engine=sharding.engine,
        resume=sharding.resume,
        force=force,
        low_memory=low_memory,
    )
    try:
        with ProgressBar(source, wanted=not quiet) as bar:
            summary = run(request, bar.update)
    except OptionsError as error:
        raise UsageError(str(error)) from error
    if not quiet:
        print(_told(summary, source), file=sys.stderr)


def _refuse_inside(source: Source, folder: Path) -> None:
    """The output must not become input of a later start of the same run."""
    if any(
        f.path is not None and folder.resolve() in f.path.resolve().parents for f in source.files
    ):
        raise UsageError(f"The input is inside {folder}/, expected another folder for the output.")
    if source.folder is not None and source.folder.resolve() in folder.resolve().parents:
        raise UsageError(
            f"The output {folder}/ is inside the input {source.folder}, expected a folder outside it."
        )


def _n_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _told(summary: Summary, source: Source) -> str:
    rate = summary.n_documents / summary.seconds if summary.seconds > 0 else 0.0
    parts = [
        f"tripack: {summary.n_documents} documents, {summary.n_triples} triples in "
        f"{summary.n_shards} shards, {summary.seconds:.1f} s ({rate:.1f} documents/s)"
    ]
    if summary.n_shards_before:
        parts.append(f"{summary.n_shards_before} shards were there before")
    if source.tally.n_bad:
        parts.append(f"{source.tally.n_bad} bad records or files skipped")
    if source.n_skipped_files:
        parts.append(f"{source.n_skipped_files} files of other kinds skipped")
    return "; ".join(parts)
