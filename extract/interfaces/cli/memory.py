"""Peak memory of long runs: large blocks go back to the system as soon as they are freed."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # of malloc.h
_LARGE_BLOCK = 256 << 10  # bytes; smaller ones are reused within the heap


def return_large_blocks() -> None:
    """Keep glibc from raising its limit for blocks of their own, for the rest of the process.

    Batches differ in shape, so no two need blocks of one size. Left alone, glibc soon takes them
    from its heap, whose holes grow for as long as the run lasts. Elsewhere than on glibc nothing is
    changed.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
