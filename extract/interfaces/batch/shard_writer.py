"""A shard in, a file with its output, complete and on disk, out. What every engine runs in its processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.files import cannot_write, digest, sync
from extract.interfaces.batch.folder import TEMPORARY
from extract.interfaces.batch.shards import Shard, ShardResult, shard_name
from extract.interfaces.extraction import ModelOptions, run_over
from extract.interfaces.io.writers import JsonLinesWriter

if TYPE_CHECKING:
    from extract.pipeline import Extractor
    from extract.structures import Document

FORMATS = ["jsonl", "parquet"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a process needs to know to do shards.

    run: marks the temporary files of one run, so that what is left of another is told apart.
    """

    options: ModelOptions
    folder: Path
    format: str
    run: str
    low_memory: bool = False


def do_shard(extractor: Extractor, shard: Shard, job: Job) -> ShardResult:
    """Extract from a shard's documents and write the result to a temporary file in the job's folder.

    Raises `OutputError` if it cannot be written. After any error there is no file.
    """
    # The process is part of the name: one that is thought dead must not write into another's file.
    name = f"{shard_name(shard.number, job.format)}.{job.run}_{os.getpid()}{TEMPORARY}"
    path = job.folder / name
    n_documents = n_triples = 0
    try:
        documents = run_over(extractor, shard.items, job.options)
        for document in _WRITE[job.format](documents, path):
            n_documents += 1
            n_triples += sum(1 for _ in document.triples)
        sync(path)
        n_bytes, sha256 = digest(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise
    return ShardResult(shard.number, shard.first, n_documents, n_triples, n_bytes, sha256, name)


def _write_jsonl(documents: Iterable[Document], path: Path) -> Iterator[Document]:
    writer = JsonLinesWriter()
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        for document in documents:
            stream.write(writer.render(document))
            yield document


def _write_parquet(documents: Iterable[Document], path: Path) -> Iterator[Document]:
    from extract.interfaces.batch.parquet import (
        write_parquet,  # pyarrow is needed for nothing else here
    )

    return write_parquet(documents, path)


_WRITE = {"jsonl": _write_jsonl, "parquet": _write_parquet}
