"""`tripack train`: a recipe in, a run folder out."""

from __future__ import annotations

import logging
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from extract.errors import OutputError
from extract.interfaces.cli.options import OnlyWarnings
from extract.interfaces.cli.printing import as_json


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as recipes/conll04-minilm.toml.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings to change, as training.epochs=3."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; default: runs/RECIPE.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Go on from the run folder's last checkpoint."),
    ] = True,
    quiet: OnlyWarnings = False,
) -> None:
    """Train a model: writes weights, recipe, metrics and log into a run folder."""
    from extract.training.recipe import read_recipe
    from extract.training.run import train as train_recipe

    if not quiet:
        logging.getLogger("extract").setLevel(logging.INFO)
    checked = read_recipe(recipe, settings or [])
    folder = output if output is not None else Path("runs", recipe.stem)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot make the run folder {folder}: {error.strerror}. Name another --output."
        ) from error
    try:
        # The training loop prints its steps; standard output is for the metrics alone.
        with redirect_stdout(sys.stderr):
            metrics = train_recipe(checked, folder, resume=resume, progress=not quiet)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"the same command goes on from the last checkpoint in {folder}, if any")
        raise
    print(as_json(metrics))
