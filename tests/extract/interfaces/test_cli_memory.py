"""Large blocks that are freed leave the process, whatever small ones were allocated in between."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# A large block that comes and goes makes glibc take others of its size from the heap, where a small
# one behind each keeps it from shrinking.
PROGRAM = """
import ctypes, sys
from extract.interfaces.cli.memory import return_large_blocks
if sys.argv[1] == "yes":
    return_large_blocks()
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def allocate(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block

libc.free(allocate(30 << 20))
before = resident()
blocks = [(allocate(4 << 20), allocate(20_000))[0] for _ in range(100)]
for block in blocks:
    libc.free(block)
print((resident() - before) >> 20)
"""


def held_mib(returned: str) -> int:
    run = [sys.executable, "-c", PROGRAM, returned]
    return int(subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is set is a setting of glibc")
def test_freed_large_blocks_leave_the_process() -> None:
    assert held_mib("yes") < 20
    assert held_mib("no") > 200  # or the setting would not be needed
