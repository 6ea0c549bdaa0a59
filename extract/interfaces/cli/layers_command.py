"""`tripack layers`: what each layer of an encoder knows of a corpus, and a fusion to try."""

from __future__ import annotations

import logging
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.gold import read_gold
from extract.interfaces.cli.options import (
    CorpusFolder,
    CorpusName,
    DevCut,
    JsonFile,
    OnlyWarnings,
    Threads,
)
from extract.interfaces.cli.printing import as_json
from extract.interfaces.io.target import Target

if TYPE_CHECKING:
    from extract.layers.study import Study

_FIGURES = (".html", ".svg")


def layers(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(help="A bundled model, a model folder, or an encoder's name or folder."),
    ],
    corpus: CorpusName,
    split: Annotated[
        str, typer.Option(help="Split to score probes on; they are trained on train.")
    ] = "dev",
    path: CorpusFolder = None,
    dev: DevCut = None,
    sentences: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Draw at most N sentences from each of both splits."),
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all draws.")] = 13,
    threads: Threads = None,
    json_: JsonFile = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Also draw it, as OUT.html or OUT.svg; replaces OUT."),
    ] = None,
    quiet: OnlyWarnings = False,
) -> None:
    """Probe each layer of an encoder for entities and relations, and recommend a layer fusion."""
    _check(split, path, dev, json_, figure)
    with ExitStack() as stack:
        # Opened first: a study that cannot be written is not worth making.
        targets = {
            name: stack.enter_context(Target(out, force=True))
            for name, out in (("json", json_), ("figure", figure))
            if out is not None
        }
        train, held = (read_gold(corpus, part, None, path, dev, seed) for part in ("train", split))
        from extract.layers.studied import load_studied
        from extract.layers.study import study
        from extract.layers.table import to_text
        from extract.versions import environment

        if not quiet:
            logging.getLogger("extract").setLevel(logging.INFO)
        stack.enter_context(_on_threads(threads))
        studied = load_studied(model)
        found = study(
            studied,
            [example.sentence for example in train],
            [example.sentence for example in held],
            corpus=corpus,
            most_sentences=sentences,
            seed=seed,
        )
        result = {
            **environment(),
            "command": shlex.join(["tripack", *context.obj]),
            "model": {"given": model, "trained": studied.trained},
            "corpus": corpus,
            "split": split,
            "settings": {"n_dev": dev, "sentences": sentences, "seed": seed},
            **found.to_dict(),
        }
        title = f"Layers of {Path(model).name} on {corpus}, {split}"
        written = {"json": as_json(result) + "\n", "figure": _draw(found, figure, title)}
        for name, target in targets.items():
            target.write(written[name])
    print(to_text(found, terminal=sys.stdout.isatty()), end="")


def _check(
    split: str, path: Path | None, dev: int | None, json_: Path | None, figure: Path | None
) -> None:
    """Raise `UsageError` for options that cannot go together."""
    if split == "train":
        raise UsageError("Probes are trained on train: expected another --split to score them on.")
    if dev is not None and split != "dev":
        raise UsageError(f"Expected --split dev together with --dev, got --split {split}.")
    if dev is None and path is not None and path.is_file():
        raise UsageError(f"{path} is one file: expected --dev N, to cut a dev split from it.")
    if figure is not None and figure.suffix.lower() not in _FIGURES:
        raise UsageError(
            f"Expected --figure to end in {' or '.join(_FIGURES)}, got {figure.name!r}."
        )
    if figure is not None and figure == json_:
        raise UsageError(f"Expected two files for --json and --figure, got {figure} twice.")


def _on_threads(threads: int | None) -> Any:
    """Hold PyTorch and the linear algebra under scikit-learn to so many threads."""
    import sklearn.linear_model  # noqa: F401 (only libraries that are loaded can be held)
    import torch
    from threadpoolctl import threadpool_limits

    if threads is not None:
        torch.set_num_threads(threads)
    return threadpool_limits(threads)


def _draw(found: Study, figure: Path | None, title: str) -> str:
    from extract.layers.figure import to_html, to_svg

    if figure is None:
        return ""
    return to_svg(found, title) if figure.suffix.lower() == ".svg" else to_html(found, title)
