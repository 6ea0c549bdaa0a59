"""A progress bar on standard error, for people who wait."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from extract.interfaces.io.sources import Source

if TYPE_CHECKING:
    from rich.progress import Progress

_SHOW_AFTER = 2.0  # seconds; a short run shows no bar


class ProgressBar:
    """Documents a second, and the share of the input read where its size is known.

    To be used in a `with` block. Stays silent unless `wanted` and standard error is a terminal.
    """

    def __init__(self, source: Source | None, *, wanted: bool) -> None:
        self._source = source
        self._wanted = wanted and source is not None and sys.stderr.isatty()
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def update(self, n_documents: int) -> None:
        """Tell how many documents are done."""
        seconds = time.monotonic() - self._started
        if not self._wanted or self._source is None or seconds < _SHOW_AFTER:
            return
        if self._bar is None:
            self._bar = _start(self._source.total_bytes)
        self._bar.update(
            self._bar.task_ids[0],
            completed=self._source.tally.n_bytes,
            description=f"{n_documents} documents, {n_documents / seconds:.1f}/s",
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _start(total_bytes: int | None) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("", total=total_bytes)
    bar.start()
    return bar
