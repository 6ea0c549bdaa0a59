"""Work on a stream done by a thread, in chunks, while the caller uses what is done.

Python runs one thread at a time, but PyTorch, ONNX Runtime and the tokenizers let go of it while they
compute. So one thread reads texts with the network while the caller's own cuts the next texts into words and
decodes and writes the last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    items: Iterable[Item],
    work: Callable[[Sequence[Item], Event], Sequence[Result]],
    size: int,
    weigh: Callable[[Item], int] = lambda item: 1,
) -> Iterator[tuple[Item, Result]]:
    """Items with their results, in order.

    Beside the chunk whose results are being taken one is worked on, and one is read. Where there is one chunk
    at most, all is done in the caller's thread. An error of `items` is raised after the results of what came
    before it, one of `work` in the place of its results. When the caller stops early, or is interrupted, the
    event that `work` is given is set and `work` is waited for.

    Args:
        items: read in the caller's thread.
        work: results of a chunk, one an item.
        size: weight of a chunk, which the last of its items may exceed.
        weigh: an item's weight, at least 1.
    """
    source, stop = _Source(iter(items), weigh), Event()
    held = source.take(size)
    if source.ended:
        yield from zip(held, work(held, stop) if held else (), strict=True)
        source.raise_error()
        return
    # Started here and not before, so that what fits in a chunk starts no thread.
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tripack")
    try:
        chunk, results = held, pool.submit(work, held, stop)
        while True:
            held = source.take(size, until=results)
            whole = bool(held) and (source.ended or source.room <= 0)
            # Handed over before results are taken, so that the thread goes on meanwhile.
            following = pool.submit(work, held, stop) if whole else None
            yield from zip(chunk, results.result(), strict=True)
            if following is None and not source.ended:  # a slow one: what it gave is filled up
                held += source.take(source.room)
                following = pool.submit(work, held, stop) if held else None
            if following is None:
                break
            chunk, results = held, following
        source.raise_error()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Source(Generic[Item]):
    """An iterator that remembers that it ended, and by which error."""

    def __init__(self, items: Iterator[Item], weigh: Callable[[Item], int]) -> None:
        self._items = items
        self._weigh = weigh
        self.room = 0  # what the last items taken leave of the weight that was asked for
        self._error: Exception | None = None
        self.ended = False

    def take(self, room: int, until: Future[Sequence[Result]] | None = None) -> list[Item]:
        """The next items, `room` in weight; fewer at the end, and once `until` is done."""
        taken: list[Item] = []
        self.room = room
        try:
            while self.room > 0 and not (until is not None and until.done()):
                taken.append(next(self._items))
                self.room -= self._weigh(taken[-1])
        except StopIteration:
            self.ended = True
        except Exception as error:
            self._error, self.ended = error, True
        return taken

    def raise_error(self) -> None:
        """Raise what ended the items, if anything did."""
        if self._error is not None:
            raise self._error
