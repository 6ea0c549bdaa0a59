"""A shard in, a file with its output, complete and on disk, out. What every engine runs in its processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extract.files import cannot_write, digest, sync
from extract.interfaces.batch.folder import TEMPORARY
from extract.interfaces.batch.shards import Shard, ShardResult, shard_name
from extract.interfaces.extraction import ModelOptions, TripleCount, sentences_over
from extract.interfaces.io.writers import JsonLinesWriter

if TYPE_CHECKING:
    from extract.pipeline import Extractor
    from extract.structures import Document, Sentence

    Found = tuple[Document, Iterator[Sentence]]  # a document, and its sentences as they are found

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
    count = TripleCount()
    try:
        found = (
            (document, count.passing(sentences))
            for document, sentences in sentences_over(extractor, shard.items, job.options)
        )
        n_documents = _WRITE[job.format](found, path)
        sync(path)
        n_bytes, sha256 = digest(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise
    return ShardResult(
        shard.number, shard.first, n_documents, count.n_triples, n_bytes, sha256, name
    )


def _write_jsonl(found: Iterable[Found], path: Path) -> int:
    writer, n_documents = JsonLinesWriter(), 0
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        for document, sentences in found:
            stream.writelines(writer.pieces(document, sentences))
            n_documents += 1
    return n_documents


def _write_parquet(found: Iterable[Found], path: Path) -> int:
    from extract.interfaces.batch.parquet import (
        write_parquet,  # pyarrow is needed for nothing else here
    )

    documents = (replace(document, sentences=tuple(sentences)) for document, sentences in found)
    return sum(1 for _ in write_parquet(documents, path))


_WRITE = {"jsonl": _write_jsonl, "parquet": _write_parquet}
