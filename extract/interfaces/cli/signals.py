"""SIGTERM ends a run the way Ctrl-C does: what is complete is kept and named."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on SIGINT and SIGTERM inside the block, once.

    A second signal would interrupt the tidying up, so both are ignored after the first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in watched:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    # A shell starts background jobs with SIGINT ignored: that choice is kept.
    numbers = (signal.SIGINT, signal.SIGTERM)
    watched = [n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN]
    before = [(n, signal.signal(n, interrupt)) for n in watched]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
