"""What runs in a worker process: load the model once, then do shards until the run has no more."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from extract.errors import TripackError
from extract.interfaces.batch.shard_writer import Job, do_shard
from extract.interfaces.batch.shards import Shard, ShardResult


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The shard at hand could not be done; another attempt may do better."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """An error that every other shard would meet as well."""

    error: TripackError


@dataclass(frozen=True, slots=True)
class Message:
    """A worker's news, and what the library had to say meanwhile."""

    news: Ready | ShardResult | Failed | Stop
    warnings: tuple[str, ...] = ()


def work(connection: Connection, job: Job) -> None:
    """Answer each shard that comes over the connection by a `Message`, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes: the run decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings = _collect_warnings()

    def send(news: Ready | ShardResult | Failed | Stop) -> None:
        connection.send(Message(news, tuple(warnings)))
        warnings.clear()

    try:
        threads = str(job.options.threads or os.cpu_count())
        os.environ |= {"OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads}
        if job.low_memory:
            from extract.interfaces.cli.memory import return_large_blocks

            return_large_blocks()
        from extract.interfaces.extraction import load_extractor

        extractor = load_extractor(job.options)
        send(Ready())
        while True:
            shard: Shard = connection.recv()
            try:
                send(do_shard(extractor, shard, job))
            except TripackError:
                raise
            except Exception as error:
                send(Failed(f"{type(error).__name__}: {error}"))
    except TripackError as error:
        send(Stop(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the run is over


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class _Collector(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append(record.getMessage())


def _collect_warnings() -> list[str]:
    """A list that warnings of the library are added to: the run reports them, each once."""
    warnings: list[str] = []
    logger = logging.getLogger("extract")
    logger.addHandler(_Collector(warnings))
    logger.propagate = False
    return warnings
