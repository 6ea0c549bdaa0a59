"""`tripack stack`: several models of one schema as one, with weights learnt on a dev part."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.options import (
    ACCURACIES,
    BatchSize,
    CorpusFolder,
    DevCut,
    Device,
    DevSplit,
    OnlyWarnings,
    Threads,
)
from extract.interfaces.cli.printing import columns

WEIGHTS = ["global", "relation"]


def stack(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Models that propose: names, model or run folders."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the stack, to be made.")
    ],
    verifier: Annotated[
        list[str] | None,
        typer.Option(
            "--verifier",
            metavar="MODEL",
            help="A model that only scores the spans the others propose; may be repeated.",
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            "--corpus", "-c", help="Corpus to learn weights on; default: those of the first model."
        ),
    ] = None,
    split: DevSplit = None,
    path: CorpusFolder = None,
    dev: DevCut = None,
    seed: Annotated[int, typer.Option(help="Seed of that cut.")] = 0,
    weights: Annotated[
        str, typer.Option(help="global: one set for all relations; relation: one for each.")
    ] = "global",
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            metavar="NAME=N,...",
            help="What fast, balanced or best runs: models by place, verifiers last; repeatable.",
        ),
    ] = None,
    floor: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Log-odds under which stacked models propose nothing; default: theirs.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=3, help="Folds of the dev part.")] = 5,
    name: Annotated[
        str | None, typer.Option(help="Name of the stack; default: that of its folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a stack that exists.")] = False,
    batch_size: BatchSize = 32,
    threads: Threads = None,
    device: Device = "auto",
    quiet: OnlyWarnings = False,
) -> None:
    """Stack models: learn how far to trust each, and write them as one model with three accuracies."""
    if weights not in WEIGHTS:
        raise UsageError(f"Unknown weights {weights!r}. Expected one of: {', '.join(WEIGHTS)}.")
    profiles = dict(_profile(text) for text in profile or ())
    import torch

    from extract.pipeline import usable_device
    from extract.training.stack import make_stack
    from extract.training.stack_data import DataChoice
    from extract.training.stack_plan import StackPlan

    if threads is not None:
        torch.set_num_threads(threads)
    if not quiet:
        logging.getLogger("extract").setLevel(logging.INFO)
    plan = StackPlan(
        name=name if name is not None else output.resolve().name,
        models=tuple(models),
        verifiers=tuple(verifier or ()),
        weights=cast(Any, weights),
        profiles=cast(Any, profiles),
        n_folds=folds,
        floor=floor,
    )
    data = DataChoice(corpus, split, None if path is None else str(path), dev, seed)
    metrics = make_stack(
        plan,
        output,
        data,
        device=usable_device(device),
        batch_size=batch_size,
        force=force,
    )
    print(_table(metrics))
    if not quiet:
        print(f"tripack: the stack is in {output}", file=sys.stderr)


def _profile(text: str) -> tuple[str, tuple[int, ...]]:
    """A profile's name and places, from 0, of `NAME=N,N,...`, which counts from 1."""
    name, equals, places = text.partition("=")
    if name not in ACCURACIES or not equals:
        raise UsageError(
            f"Expected --profile as NAME=N,... with one of {', '.join(ACCURACIES)}, got {text!r}."
        )
    numbers = places.split(",")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise UsageError(f"Expected the models of a profile as numbers, got {places!r}.")
    return name, tuple(int(number) - 1 for number in numbers)


def _table(metrics: dict[str, Any]) -> str:
    """F1 in percent, out of fold, of each member and each stack."""
    blocks = []
    for corpus, n_sentences in metrics["sentences"].items():
        rows: list[tuple[object, ...]] = []
        for member in metrics["members"]:
            rows.append((f"{member['name']} ({member['head']})", *_row(member, corpus)))
        stacks = {f"first {len(found['members'])}": found for found in metrics["growing"]}
        for name, found in (stacks | metrics["profiles"]).items():
            rows.append((name, *_row(found, corpus)))
        hyper = any(row[-1] != "-" for row in rows)
        heads = ["", "models", "entities", "relations, boundary", "relations, strict"]
        heads += ["triplets", "quintuplets"]
        n_columns = len(heads) if hyper else len(heads) - 2
        blocks.append(
            f"{corpus}, {n_sentences} sentences: F1 in percent, each of {metrics['folds']} folds "
            "by weights, calibration and thresholds of the others\n"
            + columns([list(row)[:n_columns] for row in (heads, *rows)])
        )
    return "\n\n".join(blocks)


def _row(found: dict[str, Any], corpus: str) -> tuple[str, ...]:
    scores = found["out_of_fold"][corpus]
    return (
        "+".join(map(str, found["members"])),
        *(
            _percent(score)
            for score in (
                scores["entity"],
                scores["relation"]["boundary"],
                scores["relation"]["strict"],
            )
        ),
        *(
            _percent(scores["hyper"][kind]) if scores["hyper"]["quintuplet"]["n_gold"] else "-"
            for kind in ("triplet", "quintuplet")
        ),
    )


def _percent(score: dict[str, Any]) -> str:
    return f"{100 * score['f1']:.2f}"
