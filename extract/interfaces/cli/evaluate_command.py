"""`tripack evaluate`: the scores of a model on a corpus, printed and as JSON."""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.gold import read_gold
from extract.interfaces.cli.options import (
    Accuracy,
    BatchSize,
    CorpusFolder,
    CorpusName,
    Decoder,
    DevCut,
    Device,
    Dtype,
    Entities,
    ExitLayer,
    JsonFile,
    Objective,
    PriorWeight,
    Quiet,
    RelationPriorFile,
    Runtime,
    Threads,
    Threshold,
    TimeLimit,
    check_search,
)
from extract.interfaces.cli.printing import as_json
from extract.interfaces.extraction import ModelOptions, load_extractor
from extract.interfaces.io.target import Target

if TYPE_CHECKING:
    from corpora import Example
    from extract.evaluation.report import Report
    from extract.interfaces.cli.trained_on import TrainedOn
    from extract.pipeline import Extractor
    from extract.schema import Schema
    from extract.structures import Sentence


def evaluate(
    context: typer.Context,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A bundled model, a model folder or a stack.")
    ],
    corpus: CorpusName,
    split: Annotated[str | None, typer.Option(help="Split to score; default: dev.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Score this file of the corpus's format, not a split.")
    ] = None,
    path: CorpusFolder = None,
    dev: DevCut = None,
    seed: Annotated[int, typer.Option(help="Seed of that cut.")] = 0,
    entities: Entities = None,
    all_labels: Annotated[
        bool,
        typer.Option(
            "--all-labels",
            help="Count all that a model of several corpora finds, also what this corpus does not annotate.",
        ),
    ] = False,
    json_: JsonFile = None,
    accuracy: Accuracy = None,
    decoder: Decoder = "greedy",
    objective: Objective = None,
    time_limit: TimeLimit = None,
    relation_prior: RelationPriorFile = None,
    prior_weight: PriorWeight = 1.0,
    threshold: Threshold = None,
    batch_size: BatchSize = 32,
    threads: Threads = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    runtime: Runtime = "torch",
    exit_layer: ExitLayer = None,
    quiet: Quiet = False,
) -> None:
    """Score a model's predictions against the gold triples of a corpus."""
    if file is not None and (split is not None or dev is not None or path is not None):
        raise UsageError(
            "Got --file together with --split, --dev or --path, expected one way to name the data."
        )
    check_search(decoder, objective, time_limit)
    data = {
        "corpus": corpus,
        "split": None if file is not None else split or "dev",
        "file": None if file is None else str(file),
        "n_dev": dev,
        "split_seed": None if dev is None else seed,
    }
    with ExitStack() as stack:
        # Opened first: a report that cannot be written is not worth computing.
        target = None if json_ is None else stack.enter_context(Target(json_, force=True))
        apart = "document"
        if dev is not None:
            apart = _apart(model, corpus, split or "dev", dev, seed, quiet=quiet)
        examples = read_gold(corpus, split or "dev", file, path, dev, seed, apart)
        from extract.versions import environment

        extractor = load_extractor(
            ModelOptions(
                model,
                accuracy=accuracy,
                decoder=decoder,
                objective=objective,
                time_limit=time_limit,
                threads=threads,
                device=device,
                dtype=dtype,
                runtime=runtime,
                exit_layer=exit_layer,
                relation_prior=relation_prior,
                prior_weight=prior_weight,
            )
        )
        kind = cast(Literal["found", "given"], entities or extractor.entities)
        examples = _as_known(extractor, examples)
        trained = None if all_labels else _trained_on(model, corpus, path, examples)
        if trained is not None:
            examples = trained.gold(examples)
            if (note := trained.note(extractor.schema)) and not quiet:
                print(f"tripack: note: scored as trained on {corpus}: {note}", file=sys.stderr)
        if not quiet and not _any_known(extractor, examples):
            print(
                f"tripack: note: the model knows none of the relations of {corpus}", file=sys.stderr
            )
        started = time.monotonic()
        predicted = _predicted(extractor, examples, batch_size, threshold, kind, quiet=quiet)
        report = _report(corpus, examples, predicted, trained, extractor.schema)
        seconds = time.monotonic() - started
        result = {
            **environment(),
            "command": shlex.join(["tripack", *context.obj]),
            "model": {"name": extractor.name, "version": extractor.version, "given": model}
            | {"accuracy": extractor.accuracy},
            **data,
            "settings": {"threshold": threshold, "batch_size": batch_size, "threads": threads}
            | {"device": device, "dtype": dtype, "runtime": runtime, "entities": kind}
            | {"exit_layer": exit_layer}
            | {"decoder": decoder, "objective": objective, "time_limit": time_limit}
            | {
                "relation_prior": None if relation_prior is None else str(relation_prior),
                "prior_weight": prior_weight,
            },
            "as_trained": None if trained is None else trained.to_dict(),
            "seconds": round(seconds, 2),
            "sentences_per_second": round(len(examples) / seconds, 2),
            "metrics": report.to_dict(),
        }
        if target is not None:
            target.write(as_json(result) + "\n")
    print(report.to_table())


def _apart(model: str, corpus: str, split: str, n_dev: int, seed: int, *, quiet: bool) -> str:
    """What a cut of a corpus keeps together: as the model's recipe has it. Warns of another cut than that."""
    from extract.errors import ModelError
    from extract.interfaces.cli.trained_on import section_of

    try:
        section = section_of(model, corpus)
    except ModelError:  # which loading it will tell, after what is wrong with the data
        section = None
    if section is None:
        return "document"
    if not quiet and split == "dev" and (section.n_dev, section.split_seed) != (n_dev, seed):
        own = f"--dev {section.n_dev} --seed {section.split_seed}" if section.n_dev else "no cut"
        print(
            f"tripack: note: the model was trained on {corpus} with {own}, and may know these sentences",
            file=sys.stderr,
        )
    return section.apart


def _as_known(extractor: Extractor, examples: list[Example]) -> list[Example]:
    """The examples; their relations as one for a model that knows no more than that a pair is related."""
    from extract.training.one_relation import RELATED, one_relation

    if extractor.schema.relation_names != [RELATED]:
        return examples
    return [one_relation(example) for example in examples]


def _any_known(extractor: Extractor, examples: list[Example]) -> bool:
    relations = {t.relation for example in examples for t in example.sentence.triples}
    return not relations or bool(relations & set(extractor.schema.relation_names))


def _trained_on(
    model: str, corpus: str, path: Path | None, gold: list[Example]
) -> TrainedOn | None:
    from extract.interfaces.cli.trained_on import TrainedOn

    return TrainedOn.of(model, corpus, path, gold)


def _predicted(
    extractor: Extractor,
    examples: list[Example],
    batch_size: int,
    threshold: float | None,
    entities: Literal["found", "given"],
    *,
    quiet: bool,
) -> list[Sentence]:
    from rich.console import Console
    from rich.progress import track

    gold = [example.sentence for example in examples]
    predicted = track(
        extractor.predict(gold, batch_size=batch_size, threshold=threshold, entities=entities),
        "evaluating",
        total=len(gold),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
    return list(predicted)


def _report(
    corpus: str,
    examples: list[Example],
    predicted: list[Sentence],
    trained: TrainedOn | None,
    schema: Schema,
) -> Report:
    import corpora
    from extract.evaluation.report import evaluate_sentences

    if trained is not None:
        predicted = [trained.judged(sentence, schema) for sentence in predicted]
    return evaluate_sentences(
        [example.sentence for example in examples],
        predicted,
        unaligned=[example.unaligned for example in examples],
        directed=corpora.get(corpus).one_answer,
    )
