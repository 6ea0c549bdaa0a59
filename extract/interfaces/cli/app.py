"""The commands and what is common to them. Nothing heavy is imported here: help stays fast."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from extract import __version__
from extract.interfaces.cli.corpora_command import corpora_app
from extract.interfaces.cli.evaluate_command import evaluate
from extract.interfaces.cli.exits import EPILOG, USAGE
from extract.interfaces.cli.extract_command import extract
from extract.interfaces.cli.graph_command import graph_app
from extract.interfaces.cli.layers_command import layers
from extract.interfaces.cli.models_command import models_app
from extract.interfaces.cli.schema_command import schema_app
from extract.interfaces.cli.serve_command import serve
from extract.interfaces.cli.stack_command import stack
from extract.interfaces.cli.train_command import train

app = typer.Typer(
    name="tripack",
    help="Text in, triples out: entities, relations and qualifiers with offsets and scores.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("extract", epilog=EPILOG)(extract)
app.command("train", epilog=EPILOG)(train)
app.command("evaluate", epilog=EPILOG)(evaluate)
app.command("stack", epilog=EPILOG)(stack)
app.command("layers", epilog=EPILOG)(layers)
app.command("serve", epilog=EPILOG)(serve)
app.add_typer(models_app, name="models")
app.add_typer(corpora_app, name="corpora")
app.add_typer(schema_app, name="schema")
app.add_typer(graph_app, name="graph")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"tripack {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _before_any_command(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[  # taken out of the arguments by `main`; declared here to be in the help
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    _log_to_stderr()
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)


class _StandardError(logging.Handler):
    """Writes to the current `sys.stderr`, which a progress bar replaces while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"tripack: {self.format(record)}", file=sys.stderr)


def _log_to_stderr() -> None:
    """Show what the library reports (dropped or truncated items), one line each."""
    for name in ("extract", "corpora"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _StandardError) for handler in logger.handlers):
            logger.addHandler(_StandardError())
        logger.propagate = False
