"""Processes measured from outside: their time, their own memory, and failures that are not figures."""

from __future__ import annotations

import pytest

from benchmarks.start import run

MIB = 1 << 20


def test_time_and_memory_are_the_process_s_own() -> None:
    held = bytearray(400 * MIB)  # of the process that measures
    idle = run(["-c", "pass"], 1)
    busy = run(["-c", f"import time; held = b'x' * {100 * MIB}; time.sleep(0.4)"], 1)
    assert len(held) == 400 * MIB
    assert idle[0] > 0 and 1 < idle[1] < 100
    assert busy[0] > 0.4 and 100 < busy[1] < 200


def test_threads_reach_the_process_and_failures_are_told() -> None:
    run(["-c", "import os; assert os.environ['OMP_NUM_THREADS'] == '3'"], 3)
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        run(["-c", "1 / 0"], 1)
