"""The `tripack` command: reads arguments, calls the library, turns every error into one line."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code (see `exits`).

    `arguments` are the words after `tripack`; None takes them from `sys.argv`. `--debug` anywhere
    before `--` shows the traceback of an error.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    if debug:
        words.remove("--debug")
    try:
        from extract.interfaces.cli.signals import terminate_as_interrupt

        with terminate_as_interrupt():
            code = _run(words)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        # The reader, such as `head`, has all it wants. Without this the interpreter complains
        # when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except SystemExit as leave:
        if isinstance(leave.__context__, BrokenPipeError):  # how rich ends on it
            return 0
        raise
    except (Exception, KeyboardInterrupt) as error:
        from extract.interfaces.cli.exits import report

        return report(error, debug=debug)


def _run(words: list[str]) -> int:
    """Parse and run. Typer's own error boxes are bypassed: all errors are reported in one place."""
    import typer

    from extract.interfaces.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal of another encoding still shows the rest
            stream.reconfigure(errors="backslashreplace")
    if "_TRIPACK_COMPLETE" in os.environ:  # a shell asks for completions
        app(prog_name="tripack")
    command = typer.main.get_command(app)
    try:
        with command.make_context("tripack", words, obj=tuple(words)) as context:
            command.invoke(context)
    except typer.Exit as leave:
        return leave.exit_code
    return 0
