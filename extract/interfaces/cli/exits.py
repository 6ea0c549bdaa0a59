"""Exit codes, and how an error becomes one line on standard error."""

from __future__ import annotations

import errno
import sys
import traceback
from typing import cast

import typer

from extract.errors import IncompleteError, ModelError, OutputError, TripackError, WorkerError

OK, INTERNAL, USAGE, BAD_INPUT, BAD_OUTPUT, BAD_MODEL, INCOMPLETE = range(7)
INTERRUPTED = 130

EPILOG = (
    "Exit codes: 0 ok, 1 internal error, 2 wrong usage, 3 bad input, 4 output cannot be written, "
    "5 model cannot be loaded, 6 only a part of the work done, 130 interrupted. "
    "With --debug an error shows its traceback."
)

# Typer's base of usage errors, which newer releases keep in a private copy of click.
UsageError = cast(type[Exception], typer.BadParameter.__base__)

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


def exit_code(error: BaseException) -> int:
    """The exit code that says what kind of error ended the command."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, OutputError):
        return BAD_OUTPUT
    if isinstance(error, ModelError):
        return BAD_MODEL
    if isinstance(error, IncompleteError | WorkerError):
        return INCOMPLETE
    if isinstance(error, TripackError):
        return BAD_INPUT
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return BAD_OUTPUT
    return INTERNAL


def message(error: BaseException) -> str:
    """What went wrong, in one line."""
    code = exit_code(error)
    if code == INTERRUPTED:
        text = "interrupted"
    elif code == USAGE:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "tripack"
        said = error.format_message().strip()  # type: ignore[attr-defined]
        end = "" if said.endswith((".", "?")) else "."
        text = f"error: {said}{end} See '{command} --help'."
    elif isinstance(error, TripackError):
        text = f"error: {error}"
    elif code == BAD_OUTPUT and isinstance(error, OSError):
        text = f"error: Cannot write {error.filename or 'output'}: {error.strerror}."
    elif isinstance(error, MemoryError):
        text = "error: not enough memory. Lower --batch-size, or cut the text into documents."
    else:
        kind = type(error).__name__
        text = (
            f"error: unexpected {kind}: {error}. "
            "This is a fault in tripack: run again with --debug and report the traceback."
        )
    notes = "; ".join(getattr(error, "__notes__", ()))
    return one_line(f"tripack: {text} ({notes})" if notes else f"tripack: {text}")


def one_line(text: str) -> str:
    """The text on one line, free of characters that would act on a terminal."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


def report(error: BaseException, *, debug: bool = False) -> int:
    """Print the error to standard error and return its exit code."""
    if debug:
        traceback.print_exception(error)
    print(message(error), file=sys.stderr)
    return exit_code(error)
