"""`tripack models average` and `cut`: models made from the weights of trained ones."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from extract.interfaces.cli.options import (
    CorpusFolder,
    DevCut,
    Device,
    DevSplit,
    Threads,
    check_method,
)
from extract.interfaces.cli.printing import as_json, columns

Out = Annotated[Path, typer.Option("--out", help="Folder to make; it must not exist.")]
Name = Annotated[str | None, typer.Option(help="Name of the model; default: that of its folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def average(
    models: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Models of one recipe and init_seed, two at least."),
    ],
    out: Out,
    method: Annotated[
        str,
        typer.Option(
            callback=check_method,
            help="greedy: keep a model in the mean if dev F1 does not fall by it; uniform: all.",
        ),
    ] = "greedy",
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", "-c", help="Corpus to score on; default: of the first model."),
    ] = None,
    split: DevSplit = None,
    path: CorpusFolder = None,
    dev: DevCut = None,
    seed: Annotated[int, typer.Option(help="Seed of that cut.")] = 0,
    name: Name = None,
    threads: Threads = None,
    device: Device = "auto",
    json_: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
) -> None:
    """Average the weights of models that were trained from the same start, into one model."""
    import torch

    from extract.pipeline import usable_device
    from extract.training.soup import make_soup
    from extract.training.stack_data import DataChoice

    if threads is not None:
        torch.set_num_threads(threads)
    if not quiet:
        logging.getLogger("extract").setLevel(logging.INFO)
    data = DataChoice(corpus, split, None if path is None else str(path), dev, seed)
    metrics = make_soup(
        models, out, cast(Any, method), data=data, name=name, device=usable_device(device)
    )
    print(as_json(metrics) if json_ else _table(metrics))
    if not quiet:
        print(f"tripack: the model is in {out}", file=sys.stderr)


def _table(metrics: dict[str, Any]) -> str:
    rows: list[tuple[object, ...]] = [("model", "averaged", "dev F1, raw scores")]
    for member in metrics["members"]:
        kept = "yes" if member["averaged"] else "no"
        rows.append((member["path"], kept, f"{100 * member['dev_f1']:.2f}"))
    for kind, f1 in metrics["dev_f1"].items():
        rows.append((f"{kind} mean", "", f"{100 * f1:.2f}"))
    return columns(rows)


def cut(
    model: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A model or its folder.")],
    exit_layer: Annotated[
        int,
        typer.Option("--exit-layer", metavar="K", min=1, help="The layer that it is to end after."),
    ],
    out: Out,
    name: Name = None,
) -> None:
    """Write an early exit of a model as a model of its own, which can be exported."""
    from extract.training.cut import write_exit

    write_exit(model, exit_layer, out, name)
    print(out)
