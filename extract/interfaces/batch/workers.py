"""Worker processes on this machine: fed with shards, started again when they die."""

from __future__ import annotations

import logging
import multiprocessing
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from extract.errors import InputError, WorkerError
from extract.interfaces.batch.shard_writer import Job
from extract.interfaces.batch.shards import Plan, Shard, ShardFailure, ShardResult
from extract.interfaces.batch.worker import Failed, Message, Ready, Stop, work

log = logging.getLogger(__name__)

ATTEMPTS = 3  # at one shard, and at starting a worker
_PATIENCE = 5.0  # seconds that a process is given to end when it is told to


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    ready: bool = False
    shard: Shard | None = None


class WorkerPool:
    """Does the shards of a plan in processes, each with a model of its own.

    A worker that dies is replaced and its shard given to another one; a shard is given up after
    `ATTEMPTS`. Processes are spawned, not forked: torch's threads do not survive a fork.
    """

    def __init__(self, job: Job, plan: Plan, n_workers: int) -> None:
        self._job = job
        self._shards = plan.shards()
        self._n_workers = n_workers
        self._workers: list[_Worker] = []
        self._waiting: deque[Shard] = deque()
        self._attempts: Counter[int] = Counter()
        self._n_dead_at_start = 0
        self._input_error: InputError | None = None
        self._reported: set[str] = set()

    def run(self) -> Generator[ShardResult | ShardFailure, None, None]:
        """Yield shards as they are done or given up, in any order.

        Raises what ended the run: an `InputError` after all shards before it are done, `WorkerError` if
        workers die while loading the model, and what a worker met that no other shard would escape.
        """
        try:
            while self._feed():
                yield from self._events()
        finally:
            self._stop()
        if self._input_error is not None:
            raise self._input_error

    def _feed(self) -> bool:
        """Give shards to those who have none. False if all is done."""
        self._read_ahead()
        for worker in list(self._workers):
            if worker.ready and worker.shard is None and self._waiting:
                self._hand(worker, self._waiting.popleft())
        n_idle = sum(w.shard is None for w in self._workers)
        room = self._n_workers - len(self._workers)
        for _ in range(min(room, len(self._waiting) - n_idle)):
            self._workers.append(self._start())
        return bool(self._waiting) or any(w.shard is not None for w in self._workers)

    def _read_ahead(self) -> None:
        """Have a shard waiting for each worker, so that none waits for the input."""
        while self._input_error is None and len(self._waiting) < self._n_workers:
            try:
                shard = next(self._shards, None)
            except InputError as error:
                self._input_error = error
                return
            if shard is None:
                return
            self._waiting.append(shard)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self._job), daemon=True)
        process.start()
        theirs.close()  # so that ours tells when the worker ends
        return _Worker(process, ours)

    def _hand(self, worker: _Worker, shard: Shard) -> None:
        worker.shard = shard
        with suppress(BrokenPipeError, ConnectionResetError):  # its death is noticed in `_events`
            worker.connection.send(shard)

    def _events(self) -> Iterator[ShardResult | ShardFailure]:
        """Wait for workers, and take what they say."""
        heard = wait([w.connection for w in self._workers])
        for worker in [w for w in self._workers if w.connection in heard]:
            try:
                message: Message = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                yield from self._bury(worker)
            else:
                yield from self._take(worker, message)

    def _take(self, worker: _Worker, message: Message) -> Iterator[ShardResult | ShardFailure]:
        for warning in message.warnings:
            if warning not in self._reported:
                self._reported.add(warning)
                log.warning("%s", warning)
        shard, worker.shard = worker.shard, None
        match message.news:
            case Ready():
                worker.ready = True
                self._n_dead_at_start = 0
            case Stop(error=error):
                raise error
            case Failed(reason=reason) if shard is not None:
                yield from self._again(shard, reason)
            case ShardResult() as result:
                yield result

    def _bury(self, worker: _Worker) -> Iterator[ShardFailure]:
        """A worker has died: its shard goes to another one."""
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(_PATIENCE)
        how = _end_of(worker.process)
        if not worker.ready:
            self._n_dead_at_start += 1
            if self._n_dead_at_start >= ATTEMPTS:
                raise WorkerError(
                    f"{ATTEMPTS} workers in a row ended while loading the model ({how}). "
                    "If memory ran out, lower --workers"
                )
        log.warning("a worker ended (%s); another one takes its place", how)
        if worker.shard is not None:
            yield from self._again(worker.shard, f"its worker ended ({how})")

    def _again(self, shard: Shard, reason: str) -> Iterator[ShardFailure]:
        self._attempts[shard.number] += 1
        if self._attempts[shard.number] < ATTEMPTS:
            self._waiting.appendleft(shard)
        else:
            yield ShardFailure(shard.number, shard.first, len(shard.items), reason)

    def _stop(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()


def _end_of(process: BaseProcess) -> str:
    code = process.exitcode
    return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
