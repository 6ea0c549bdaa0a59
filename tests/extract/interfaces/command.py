"""Running the command line in tests: as a process, the way a user types it, or in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from extract.interfaces.cli import main

ROOT = Path(__file__).resolve().parents[3]


def environment(**changes: str) -> dict[str, str]:
    """The environment of a command: this source tree first, one thread, no colour forced."""
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | changes


def command(*arguments: object) -> list[str]:
    """The words that run `tripack ARGUMENTS`."""
    return [sys.executable, "-m", "extract.interfaces.cli", *map(str, arguments)]


def tripack(
    *arguments: object, stdin: bytes = b"", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `tripack ARGUMENTS` as a process of its own; output and errors are captured."""
    options = {"env": environment(), "timeout": 300} | options
    done = subprocess.run(
        command(*arguments), input=stdin, capture_output=True, check=False, **options
    )
    return subprocess.CompletedProcess(
        done.args,
        done.returncode,
        done.stdout.decode("utf-8"),
        done.stderr.decode("utf-8"),
    )


def run_here(*arguments: object) -> int:
    """Run `tripack ARGUMENTS` in this process and return its exit code."""
    return main([str(argument) for argument in arguments])


def assert_one_line_error(stderr: str) -> None:
    """Check that an error is told in one line that names the program, without a traceback."""
    assert stderr.startswith("tripack: "), stderr
    assert stderr.count("\n") == 1 and stderr.endswith("\n"), stderr
    assert "Traceback" not in stderr
