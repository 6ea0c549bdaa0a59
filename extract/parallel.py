"""Several batches at once, each computed by one thread.

Threads that share the steps of one batch wait for each other at the end of each step, and the small steps of
a head are not shared at all. Threads that read batches of their own wait for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")
_LEAST = 2  # items a thread: with fewer, threads that are done would wait for the others


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results of all items, in order, by as many threads as PyTorch computes with (`torch.get_num_threads`).

    Where there are fewer than two items a thread, all is done in the caller's thread, whose steps PyTorch may
    then share out. The first error of `work` is raised once the items that were begun are done.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1 or len(items) < _LEAST * n_threads:
        return [work(item) for item in items]
    met = Barrier(n_threads)

    def compute_alone() -> None:
        torch.get_num_threads()  # once asked, PyTorch does not set a new thread's number any more
        torch.set_num_threads(1)
        met.wait()  # so that no thread takes this twice

    with ThreadPoolExecutor(n_threads, thread_name_prefix="tripack-batch") as pool:
        try:
            for started in [pool.submit(compute_alone) for _ in range(n_threads)]:
                started.result()
        finally:
            # The number is a thread's own, but the last one that was set is where new threads start from.
            torch.set_num_threads(n_threads)
        return list(pool.map(work, items))
