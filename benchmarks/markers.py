"""Speed and dev figures of one trained model of the head `typed_markers` with tied and with inserted markers.

    python -m benchmarks.markers MODEL_OR_RUN --corpus conll04 \
        --out benchmarks/results/typed_markers-speed.json

Both modes have the weights, thresholds and calibration of the one the model was trained in. The dev part is
that of the model's recipe. Speed is end to end on one thread in float32, from words to decoded triples, the
median of three rounds; the passes are those of the encoder over marked texts alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.pace import ROUNDS, sentences_per_second
from benchmarks.seeds import figures
from extract import load
from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import ModelError
from extract.evaluation.report import evaluate_sentences
from extract.heads.typed_markers import TypedMarkersHead
from extract.models.folder import ModelFolder
from extract.models.registry import resolve
from extract.pipeline import Extractor
from extract.training.corpora import load_corpus
from extract.training.recipe import CorpusRecipe, read_recipe
from extract.versions import environment

MODES = ("tied", "inserted")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure both modes, write and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a model or run folder")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    summary = compare(given.model, given.corpus, given.threads)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(summary, indent=1) + "\n"
    given.out.write_text(text, encoding="utf-8")
    print(text)


def compare(model: str, corpus: str, threads: int) -> dict[str, Any]:
    """Both modes of a model on the dev part of a corpus, and how much faster the tied one is.

    Raises `ModelError` if the model has another head.
    """
    extractor = load(model, device="cpu", dtype="float32", threads=threads)
    head = extractor._predictor.model.head
    if not isinstance(head, TypedMarkersHead):
        raise ModelError(
            f"Expected a model with the head 'typed_markers', got {head.config.name!r} in {model}."
        )
    examples = load_corpus(corpus_of(model, corpus)).dev
    trained = head.config
    modes = {}
    for mode in MODES:
        head.config = trained.model_copy(update={"mode": mode})
        modes[mode] = measure(extractor, examples)
    rates = [modes[mode]["sentences_per_second"] for mode in MODES]
    return {
        "model": extractor.full_name,
        "encoder": extractor._predictor.model.settings.encoder.model_dump(mode="json"),
        "settings": trained.model_dump(mode="json"),
        "trained_mode": trained.mode,
        "corpus": corpus,
        "split": "dev; epoch, thresholds and calibration are chosen on it",
        "sentences": len(examples),
        "threads": threads,
        "rounds": ROUNDS,
        "modes": modes,
        "times_faster_tied": round(rates[0] / rates[1], 2),
        "environment": environment(),
    }


def corpus_of(model: str, name: str) -> CorpusRecipe:
    """The corpus of that name as the model's recipe has it, or else its standard splits."""
    recipe = ModelFolder(resolve(model)).recipe
    known = read_recipe(recipe).corpora if recipe.is_file() else ()
    return next((corpus for corpus in known if corpus.name == name), CorpusRecipe(name=name))


def measure(extractor: Extractor, examples: Sequence[Any]) -> dict[str, Any]:
    """Figures in percent, the passes that markers cost, and sentences a second."""
    gold = [example.sentence for example in examples]
    with counted_passes(extractor._predictor.model.encoder) as passes:
        predicted = list(extractor.predict(gold))
    report = evaluate_sentences(
        gold, predicted, unaligned=[example.unaligned for example in examples]
    )
    return {
        "figures": figures(report.to_dict()),
        "marked_texts": sum(texts for texts, _ in passes),
        "marked_pieces": sum(texts * pieces for texts, pieces in passes),
        "sentences_per_second": sentences_per_second(extractor, gold),
    }


@contextmanager
def counted_passes(encoder: PretrainedEncoder) -> Iterator[list[tuple[int, int]]]:
    """A list that gets the (texts, pieces) of each pass with markers: those have positions of their own."""
    passes: list[tuple[int, int]] = []
    encode = encoder.encode

    def counted(embedded: Any, mask: Any, positions: Any = None) -> Any:
        if positions is not None:
            passes.append(tuple(embedded.shape[:2]))
        return encode(embedded, mask, positions)

    encoder.encode = counted  # type: ignore[method-assign]
    try:
        yield passes
    finally:
        del encoder.encode  # the method again


if __name__ == "__main__":
    main()
