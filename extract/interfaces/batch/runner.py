"""A run over shards from beginning to end: what is there, what is to do, what came of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from extract.errors import IncompleteError, OutputError, one_of
from extract.interfaces.batch.folder import OutputFolder
from extract.interfaces.batch.manifest import Manifest, new_manifest
from extract.interfaces.batch.shard_writer import FORMATS, Job
from extract.interfaces.batch.shards import Plan, ShardFailure, ShardResult
from extract.interfaces.batch.workers import ATTEMPTS, WorkerPool
from extract.interfaces.extraction import ModelOptions
from extract.interfaces.io.sources import Source
from extract.models.registry import resolve

ENGINES = ["local", "ray"]
SHARD_SIZE = 5000  # documents


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done, and by how many processes.

    resume: go on with the unfinished run in the folder, if there is one. force: discard it instead.
    """

    source: Source
    options: ModelOptions
    folder: Path
    format: str = "jsonl"
    shard_size: int = SHARD_SIZE
    workers: int = 1
    engine: str = "local"
    resume: bool = False
    force: bool = False
    low_memory: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise OutputError(one_of("format of shards", self.format, FORMATS))


@dataclass(slots=True)
class Summary:
    """What a run did; shards that were there before count only as `n_shards_before`."""

    n_shards_before: int = 0
    n_shards: int = 0
    n_documents: int = 0
    n_triples: int = 0
    seconds: float = 0.0
    failures: list[ShardFailure] = field(default_factory=list)


def run(request: Request, progress: Callable[[int], None] = lambda n_documents: None) -> Summary:
    """Do all shards that are not done yet; `progress` is told the documents done after each.

    Whatever ends the run, finished shards and a manifest that lists them stay in the folder.

    Raises `OutputError` if the folder is in use, cannot be written or holds another run, `InputError`,
    `ModelError` or `SchemaError` for what cannot be read, `WorkerError` if workers cannot be kept alive,
    and `IncompleteError` if all shards but some are done.
    """
    resolve(request.options.model)  # a name that is none leaves no folder
    with OutputFolder(request.folder) as folder:
        manifest = _begin(request, folder)
        summary = Summary(n_shards_before=len(manifest.shards))
        if manifest.complete:
            return summary
        started = time.monotonic()
        try:
            _do_shards(request, folder, manifest, summary, progress)
        except BaseException as error:
            with suppress(OutputError):  # a full disk: shards that are not listed are made again
                folder.write(manifest)
            if manifest.shards:
                error.add_note(
                    f"{len(manifest.shards)} finished shards are in {request.folder}; "
                    "go on with --resume"
                )
            raise
        summary.seconds = time.monotonic() - started
        manifest.n_bad = request.source.tally.n_bad
        manifest.n_shards = len(manifest.shards) + len(manifest.failed)
        manifest.complete = not manifest.failed
        folder.write(manifest)
    if summary.failures:
        raise _incomplete(request, manifest, summary)
    return summary


def _begin(request: Request, folder: OutputFolder) -> Manifest:
    """The manifest to go on from, which is then the one on disk."""
    before = None if request.force else folder.previous()
    if before is not None and before.shards and not request.resume:
        kind = "a finished run" if before.complete else "an unfinished run"
        advice = "" if before.complete else "go on with --resume, or "
        raise OutputError(
            f"{request.folder} holds {kind} of {len(before.shards)} shards; "
            f"{advice}use --force to replace it"
        )
    manifest = new_manifest(request.source, request.options, request.shard_size, request.format)
    if before is not None and before.shards:
        different = manifest.differences(before)
        if different:
            raise OutputError(
                f"{request.folder} holds a run with {'; '.join(different)}. Go on with what it was "
                "made with, name another --output, or use --force to replace it"
            )
        manifest = before
        manifest.failed = ()
    n_listed = len(manifest.shards)
    folder.keep_only(manifest)
    if len(manifest.shards) < n_listed:
        manifest.complete = False
    folder.write(manifest)
    return manifest


def _do_shards(
    request: Request,
    folder: OutputFolder,
    manifest: Manifest,
    summary: Summary,
    progress: Callable[[int], None],
) -> None:
    n_before = sum(record.n_documents for record in manifest.shards.values())
    plan = Plan(request.source, request.shard_size, frozenset(manifest.shards))
    with closing(_events(request, plan)) as events:  # closed now, which ends the workers
        for event in events:
            if isinstance(event, ShardFailure):
                manifest.give_up(event)
                summary.failures.append(event)
                continue
            if event.number in manifest.shards:
                folder.discard(event.temporary)  # a cluster may do a shard twice
                continue
            folder.commit(event, manifest)
            summary.n_shards += 1
            summary.n_documents += event.n_documents
            summary.n_triples += event.n_triples
            progress(n_before + summary.n_documents)


def _events(request: Request, plan: Plan) -> Generator[ShardResult | ShardFailure, None, None]:
    folder = request.folder.resolve()  # other processes may have another working folder
    job = Job(request.options, folder, request.format, secrets.token_hex(4), request.low_memory)
    if request.engine == "ray":
        from extract.interfaces.batch.ray_engine import run_on_ray

        return run_on_ray(job, plan, request.workers)
    return WorkerPool(job, plan, request.workers).run()


def _incomplete(request: Request, manifest: Manifest, summary: Summary) -> IncompleteError:
    first = summary.failures[0]
    last = first.first + first.n_documents - 1
    n_failed, n_done = len(summary.failures), len(manifest.shards)
    return IncompleteError(
        f"{n_failed} of {n_failed + n_done} shards failed {ATTEMPTS} times each, the first with documents "
        f"{first.first} to {last} of the input: {first.reason}. The others are in {request.folder}; "
        "try again with --resume"
    )
