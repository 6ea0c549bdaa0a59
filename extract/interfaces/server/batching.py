"""Requests gathered into batches for one thread that runs the model.

A request waits `batch_wait` for others, unless the model is busy, and then as long as it is. What waits is
bounded in words. A request is refused at once if there is no room, or if by the measured rate it would take
more than half its time: an answer that comes too late costs as much as one in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

from extract.encoder.words import count_words
from extract.errors import TripackError
from extract.interfaces.server.metrics import Metrics
from extract.interfaces.server.problems import Problem, busy
from extract.interfaces.server.settings import ServerSettings
from extract.pipeline import Extractor

logger = logging.getLogger(__name__)

Named = tuple[str, str]  # id, text

_WARM_UP = "Leonard Parker received his PhD from Harvard University in 1967."
_FORGETS = 0.6  # weight of a batch in the rate, with each batch after it
_PATIENCE = 0.5  # share of the time limit that a request is taken for: rates fall, too
_LONGEST_RETRY = 120  # seconds


@dataclass(eq=False, slots=True)
class _Job:
    """A request that waits or is being read; its result is a line of JSON a text."""

    texts: Sequence[Named]
    threshold: float | None
    words: int
    arrived: float = field(default_factory=time.monotonic)
    done: Future[list[bytes]] = field(default_factory=Future)


class Batcher:
    """One model, one thread, one queue. `start` it before the first request."""

    def __init__(self, extractor: Extractor, settings: ServerSettings, metrics: Metrics) -> None:
        self._extractor = extractor
        self._settings = settings
        self._metrics = metrics
        self._queue: deque[_Job] = deque()
        self._queued_words = 0
        self._running_words = 0
        self._running_since = 0.0
        self._changed = threading.Condition()
        self._closed = self._abandoned = False
        self._running: list[_Job] = []
        self._rate_words, self._rate_seconds = 1.0, 1.0  # warming up measures them
        self._warm: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="tripack-model", daemon=True)

    async def start(self) -> None:
        """Start the thread, and wait until the model is warm and its rate known."""
        self._thread.start()
        await asyncio.wrap_future(self._warm)

    async def stop(self) -> None:
        """Refuse what waits, let the batch that runs end, and end the thread."""
        self._refuse_waiting()
        if not self._abandoned:
            await asyncio.to_thread(self._thread.join, self._settings.drain_limit)

    def abandon(self) -> None:
        """Refuse what waits and what runs; the thread goes on, and nobody waits for it."""
        self._abandoned = True
        self._refuse_waiting()
        for job in self._running:
            _end(job, _stopping())

    def _refuse_waiting(self) -> None:
        with self._changed:
            self._closed = True
            waiting, self._queue, self._queued_words = [*self._queue], deque(), 0
            self._changed.notify_all()
        for job in waiting:
            if job.done.set_running_or_notify_cancel():
                _end(job, _stopping())

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> tuple[int, int]:
        """Requests and words that wait."""
        return len(self._queue), self._queued_words

    @property
    def rate(self) -> float:
        """Words a second in the last batches at least half full; at first, as warming up measured.

        A batch that runs and takes longer than that lowers it before it has ended.
        """
        words, rate = self._running_words, self._rate_words / self._rate_seconds
        passed = time.monotonic() - self._running_since
        if words and passed > words / rate:
            return (self._rate_words + words) / (self._rate_seconds + passed)
        return rate

    async def extract(self, texts: Sequence[Named], threshold: float | None = None) -> list[bytes]:
        """A line of JSON for each (id, text).

        Raises `Problem`: 413 for too many words, 429 if the server is busy, 503 if the time limit passes
        or the server stops, 422 or 500 if extraction fails. Cancelled, it gives up its place in the queue.
        """
        words = sum(count_words(text) for _, text in texts)
        limit = self._settings.max_words
        if words > limit:
            raise Problem(413, f"Got {words} words, expected at most {limit} in a request.")
        job = _Job(texts, threshold, words)
        self._admit(job)
        try:
            async with asyncio.timeout(self._settings.time_limit):
                return await asyncio.wrap_future(job.done)
        except TimeoutError:
            seconds = self._settings.time_limit
            told = f"Not answered within {seconds:g} s. Send fewer words, or come back later."
            raise busy(503, told, self._retry_after()) from None
        finally:
            self._leave(job)

    def _admit(self, job: _Job) -> None:
        """Queue a job. Raises `Problem` if there is no room or no time for it."""
        with self._changed:
            if self._closed:
                raise _stopping()
            ahead = self._queued_words + self._running_words
            full = self._queue and self._queued_words + job.words > self._settings.waiting_words
            late = (ahead + job.words) / self.rate > self._settings.time_limit * _PATIENCE
            if full or (ahead and late):
                told = f"{self._queued_words} words of other requests wait already."
                raise busy(429, told, self._retry_after())
            self._queue.append(job)
            self._queued_words += job.words
            self._changed.notify()
        self._show_waiting()

    def _leave(self, job: _Job) -> None:
        """Give up a job's place in the queue, if it still has one."""
        with self._changed:
            if job not in self._queue:
                return
            self._queue.remove(job)
            self._queued_words -= job.words
        self._show_waiting()

    def _retry_after(self) -> int:
        """Seconds in which all that waits now will have been read, by the measured rate."""
        ahead = self._queued_words + self._running_words
        return min(max(math.ceil(ahead / self.rate), 1), _LONGEST_RETRY)

    def _show_waiting(self) -> None:
        self._metrics.waiting_requests.set(len(self._queue))
        self._metrics.waiting_words.set(self._queued_words)

    def _run(self) -> None:
        try:
            self._warm_up()
        except Exception as error:
            self._warm.set_exception(error)
            return
        self._warm.set_result(None)
        while (batch := self._next_batch()) is not None:
            self._show_waiting()
            started = time.perf_counter()
            self._read(batch)
            if self._running_words:
                self._note(self._running_words, time.perf_counter() - started)
            self._running_words = 0

    def _warm_up(self) -> None:
        """Read a sentence, which bears the model's one-off costs, and then measure a batch."""
        one = count_words(_WARM_UP)
        for n_texts in (1, math.ceil(self._settings.batch_words / one)):
            started = time.perf_counter()
            self._lines([("warm-up", _WARM_UP)] * n_texts, None)
            self._rate_words = float(n_texts * one)
            self._rate_seconds = time.perf_counter() - started

    def _next_batch(self) -> list[_Job] | None:
        """The jobs to be read next, in order; waits for them. None once the server stops."""
        with self._changed:
            while not self._closed:
                if not self._queue:
                    self._changed.wait()
                    continue
                left = self._queue[0].arrived + self._settings.batch_wait - time.monotonic()
                if left <= 0 or self._queued_words >= self._settings.batch_words:
                    return self._take()
                self._changed.wait(left)
        return None

    def _take(self) -> list[_Job]:
        """The first job, and of those behind it what has its threshold and fits into a batch."""
        first = self._queue[0]
        left, words = deque[_Job](), 0
        chosen: list[_Job] = []
        for job in self._queue:
            fits = not chosen or words + job.words <= self._settings.batch_words
            if not fits or job.threshold != first.threshold:
                left.append(job)
                continue
            self._queued_words -= job.words
            if job.done.set_running_or_notify_cancel():  # not cancelled just now
                chosen.append(job)
                words += job.words
        self._queue, self._running, self._running_words = left, chosen, words
        self._running_since = time.monotonic()
        return chosen

    def _read(self, jobs: Sequence[_Job]) -> None:
        """Answer jobs of one threshold. If that fails, each is tried alone, so that none fails the others."""
        if not jobs:
            return
        texts = [pair for job in jobs for pair in job.texts]
        try:
            lines = self._lines(texts, jobs[0].threshold)
        except Exception as error:
            if self._abandoned:  # the process is ending around it
                return
            if len(jobs) > 1:
                for job in jobs:
                    self._read([job])
            else:
                _end(jobs[0], _problem(error))
            return
        self._metrics.documents.inc(len(texts))
        at = 0
        for job in jobs:
            _end(job, lines[at : at + len(job.texts)])
            at += len(job.texts)

    def _lines(self, texts: Sequence[Named], threshold: float | None) -> list[bytes]:
        return [
            json.dumps(document.to_dict(), ensure_ascii=False).encode("utf-8")
            for document in self._extractor.extract(texts, threshold=threshold)
        ]

    def _note(self, words: int, seconds: float) -> None:
        # Small batches, of which there are many while little is asked, say nothing of the rate under load.
        if words >= self._settings.batch_words / 2:
            self._rate_words = self._rate_words * _FORGETS + words
            self._rate_seconds = self._rate_seconds * _FORGETS + seconds
        self._metrics.batch_words.observe(words)
        self._metrics.batch_seconds.observe(seconds)
        self._metrics.words.inc(words)


def _end(job: _Job, outcome: list[bytes] | Problem) -> None:
    """Answer a job that has not been answered, as one that was abandoned has."""
    with contextlib.suppress(InvalidStateError):
        if isinstance(outcome, Problem):
            job.done.set_exception(outcome)
        else:
            job.done.set_result(outcome)


def _stopping() -> Problem:
    return busy(503, "The server is stopping.", 1)


def _problem(error: Exception) -> Problem:
    """What the client of a failed extraction is told; the traceback stays here."""
    if isinstance(error, TripackError):
        return Problem(422, str(error))
    logger.error("extraction failed", exc_info=error)
    return Problem(500, "Extraction failed by a fault of the server, which has logged it.")
