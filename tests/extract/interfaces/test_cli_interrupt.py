"""Interrupted runs: complete documents are kept and named, the exit code is 130, no traceback."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.extract.interfaces.command import assert_one_line_error, command, environment

FACT = b"Leonard Parker received his PhD from Harvard University in 1967.\n"
_PATIENCE = 300.0  # seconds


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(*arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        # A shell that starts jobs in the background lets them ignore interrupts; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_keeps_complete_documents(
    tmp_path: Path, tiny_model: Path, number: signal.Signals
) -> None:
    out, part = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    run = start("extract", "--lines", "--input", "-", "-o", out, "--model", tiny_model)
    assert run.stdin is not None
    run.stdin.write(FACT * 2000)  # more than is read ahead; the pipe stays open: no end in sight
    run.stdin.flush()
    deadline = time.monotonic() + _PATIENCE
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(number)
    _, err = run.communicate(timeout=_PATIENCE)
    assert run.returncode == 130, err
    assert_one_line_error(err.decode())
    documents = [json.loads(line) for line in part.read_text().splitlines()]
    assert documents and documents[-1]["id"] == f"stdin:{len(documents)}"
    assert (
        err.decode()
        == f"tripack: interrupted ({len(documents)} complete documents are in {part})\n"
    )
    assert not out.exists()


def test_interrupt_before_the_first_document_leaves_nothing(tmp_path: Path) -> None:
    run = start("extract", "--input", "-", "-o", tmp_path / "out.jsonl")
    deadline = time.monotonic() + _PATIENCE
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)  # now it waits for standard input
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=_PATIENCE)
    assert (run.returncode, err) == (130, b"tripack: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_reader_that_leaves_early_is_no_error(tiny_model: Path) -> None:
    run = start("extract", "--lines", "--model", tiny_model, "--batch-size", 1)
    assert run.stdin is not None and run.stdout is not None
    run.stdin.write(FACT * 50)
    run.stdin.flush()
    assert json.loads(run.stdout.readline())["id"] == "stdin:1"
    run.stdout.close()  # as head does
    try:
        run.stdin.write(FACT * 2000)
        run.stdin.close()
    except BrokenPipeError:
        pass  # the run has ended already
    assert run.stderr is not None
    assert run.stderr.read() == b""
    assert run.wait(_PATIENCE) == 0


def test_help_into_a_closed_pipe_is_quiet() -> None:
    run = start("extract", "--help")
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait(_PATIENCE) == 0
