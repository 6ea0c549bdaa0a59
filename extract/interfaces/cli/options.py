"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extract.errors import one_of

DEFAULT_MODEL = "wikidata-small"
DEVICES = ["auto", "cpu", "cuda"]
ACCURACIES = ["fast", "balanced", "best"]
DTYPES = ["auto", "float32", "bfloat16"]
RUNTIMES = ["auto", "onnx", "torch"]
PRECISIONS = ["fp32", "int8"]
METHODS = ["greedy", "uniform"]
ENTITIES = ["found", "given"]
PRUNE_BY = ["similarity", "block", "truncation"]
DECODERS = ["greedy", "beam", "exact", "cp-sat"]
EXACT_DECODERS = ["exact", "cp-sat"]
OBJECTIVES = ["joint", "entity_first", "relation_first"]


def _known(kind: str, names: list[str], value: str | None) -> str | None:
    if value is not None and value not in names:
        raise typer.BadParameter(one_of(kind, value, names))
    return value


def _check_device(value: str) -> str | None:
    return _known("device", DEVICES, value)


def _check_dtype(value: str) -> str | None:
    return _known("dtype", DTYPES, value)


def _check_runtime(value: str) -> str | None:
    return _known("runtime", RUNTIMES, value)


def _check_precision(value: str) -> str | None:
    return _known("precision", PRECISIONS, value)


def _check_accuracy(value: str | None) -> str | None:
    return _known("accuracy", ACCURACIES, value)


def _check_decoder(value: str) -> str | None:
    return _known("decoder", DECODERS, value)


def _check_objective(value: str | None) -> str | None:
    return _known("objective", OBJECTIVES, value)


def _check_time_limit(value: float | None) -> float | None:
    if value is not None and not 0 <= value < float("inf"):
        raise typer.BadParameter(f"Expected a number of seconds from 0 up, got {value}.")
    return value


def _check_entities(value: str | None) -> str | None:
    return _known("kind of entities", ENTITIES, value)


def check_method(value: str) -> str | None:
    """The way to choose models to average, if it is one. Raises `typer.BadParameter`."""
    return _known("method", METHODS, value)


def _check_threshold(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:  # not a number fails both comparisons
        raise typer.BadParameter(f"Expected a probability from 0 to 1, got {value}.")
    return value


def check_positive(value: int | None) -> int | None:
    """The value, if it is a count or not given. Raises `typer.BadParameter`."""
    if value is not None and value < 1:
        raise typer.BadParameter(f"Expected a whole number of at least 1, got {value}.")
    return value


def check_search(decoder: str, objective: str | None, time_limit: float | None) -> None:
    """Refuse settings that the decoder does not have. Raises `typer.BadParameter`."""
    if decoder in EXACT_DECODERS:
        return
    for name, value in (("--objective", objective), ("--time-limit", time_limit)):
        if value is not None:
            raise typer.BadParameter(
                f"Got {name} with the decoder {decoder}, expected one of: {', '.join(EXACT_DECODERS)}."
            )


INPUT = "Input"  # panel of the help that options of reading stand in
Model = Annotated[
    str, typer.Option("--model", "-m", help="A bundled model, a model folder or a stack.")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        callback=_check_threshold,
        help="Keep triples with at least this score, from 0 to 1; default: the model's own.",
    ),
]
Accuracy = Annotated[
    str | None,
    typer.Option(
        callback=_check_accuracy,
        help="Of a stack of models: fast, balanced or best; default: the stack's own.",
    ),
]
Decoder = Annotated[
    str,
    typer.Option(
        callback=_check_decoder,
        help="Search for what is kept: greedy, beam, exact or cp-sat.",
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        callback=_check_objective,
        help="Of exact and cp-sat: joint, entity_first or relation_first; default: joint.",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        callback=_check_time_limit,
        help="Of exact and cp-sat, for each sentence; then the best found is taken; default: 10.",
    ),
]
BackOff = Annotated[
    bool | None,
    typer.Option(
        "--back-off/--no-back-off",
        show_default=False,
        help="Give a relation above those of which none is sure; default: if --schema has such.",
    ),
]
RelationPriorFile = Annotated[
    Path | None,
    typer.Option(
        "--relation-prior",
        metavar="FILE",
        help="Add what the types of its ends say to a triple's score (see `tripack graph prior`).",
    ),
]
PriorWeight = Annotated[
    float, typer.Option(min=0.0, help="How much of it: 1 adds the whole log-odds.")
]
BatchSize = Annotated[
    int,
    typer.Option(callback=check_positive, help="Sentences read at once; does not change results."),
]
Threads = Annotated[
    int | None, typer.Option(callback=check_positive, help="CPU threads; default: all cores.")
]
Device = Annotated[str, typer.Option(callback=_check_device, help="One of: auto, cpu, cuda.")]
Dtype = Annotated[
    str,
    typer.Option(
        callback=_check_dtype, help="Number format of the network: auto, float32, bfloat16."
    ),
]
Runtime = Annotated[
    str,
    typer.Option(
        callback=_check_runtime,
        help="What computes: torch, onnx for a model that `tripack models export` made, or auto for what "
        "`tripack models tune` chose.",
    ),
]
ExitLayer = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        callback=check_positive,
        help="End after this layer of the encoder, for a model with early exits; default: the last.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        callback=_check_precision,
        help="Numbers of the file: fp32, or int8 for products with weights on 8-bit numbers.",
    ),
]
Entities = Annotated[
    str | None,
    typer.Option(
        callback=_check_entities,
        help="found: the model finds entities; given: it is told the gold ones and finds relations "
        "between them. Default: as the model was trained.",
    ),
]
SchemaFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Give only what this schema admits (see `tripack schema`)."),
]
Lines = Annotated[
    bool,
    typer.Option("--lines", rich_help_panel=INPUT, help="Each line of a text is a document."),
]
TextField = Annotated[
    str, typer.Option(rich_help_panel=INPUT, help="Field or column that holds the text.")
]
IdField = Annotated[
    str, typer.Option(rich_help_panel=INPUT, help="Field or column of the document's id.")
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        rich_help_panel=INPUT,
        help="Leave out and count what cannot be read, instead of stopping.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
OnlyWarnings = Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")]
CorpusName = Annotated[
    str, typer.Option("--corpus", "-c", help="A name from `tripack corpora list`.")
]
CorpusFolder = Annotated[
    Path | None, typer.Option("--path", help="The corpus's folder; default: in $TRIPACK_CORPORA.")
]
DevSplit = Annotated[
    str | None, typer.Option(help="Its split; default: the dev part of the first model.")
]
DevCut = Annotated[
    int | None,
    typer.Option(
        "--dev",
        metavar="N",
        min=1,
        help="Cut N documents from the train split as dev, the way recipes do.",
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="OUT", help="Also write everything as JSON; replaces OUT."),
]
