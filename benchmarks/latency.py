"""How long one text takes: a sentence at a time, by its length in words, and from the start of a process.

    python -m benchmarks.latency --out benchmarks/results/latency.json

Each text is given alone to `Extractor.extract` and written as JSON. `sentence` is over sentences of
HyperRED as they are. Texts of `--lengths` are sentences one after another, full stops made commas so that
each is one sentence, cut at that many words. `start_up` runs processes: the command line's help, the import
of the package, and a whole `tripack extract` of one sentence, which loads the model; medians of `--starts`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.measured import Results, loaded, options, percentile, texts

_STOPS = str.maketrans(dict.fromkeys(".!?…", ","))


def main() -> None:
    """Measure what is not in the file yet."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--n-texts", type=int, default=400)
    parser.add_argument("--lengths", nargs="*", type=int, default=[10, 25, 50, 100, 200])
    parser.add_argument("--n-each", type=int, default=60, help="texts of each length")
    parser.add_argument("--starts", type=int, default=5)
    arguments = parser.parse_args()
    names = ["model", "runtime", "dtype", "threads", "seed", "texts", "n_texts", "n_each", "starts"]
    results = Results(arguments, [*names, "lengths"])
    results.keep("start_up", lambda: _start_up(arguments))
    chosen, extractor = texts(arguments), loaded(arguments)
    for text in chosen[:64]:
        extractor.extract(text)
    results.keep("sentence", lambda: _latency(extractor, chosen[: arguments.n_texts]))
    for length in arguments.lengths:
        some = of_length(chosen, length, arguments.n_each)
        results.keep(f"words:{length}", lambda some=some: _latency(extractor, some))
    results.write()
    print(json.dumps(results.found, indent=1))


def of_length(chosen: list[str], length: int, n_texts: int) -> list[str]:
    """Texts of one sentence of so many words, at most `n_texts`; each sentence is in one of them."""
    from extract.encoder.words import split_words

    found, held, n_held = [], [], 0
    for text in chosen:
        text = text.translate(_STOPS)
        words = split_words(text)
        if n_held + len(words) < length:
            held.append(text)
            n_held += len(words)
            continue
        held.append(text[: words[length - n_held - 1].end_char])
        found.append(" ".join(held))
        held, n_held = [], 0
        if len(found) == n_texts:
            break
    return found


def _latency(extractor: Any, chosen: list[str]) -> dict[str, Any]:
    from extract.encoder.words import count_words

    took = []
    for text in chosen:
        started = time.perf_counter()
        json.dumps(extractor.extract(text).to_dict(), ensure_ascii=False)
        took.append((time.perf_counter() - started) * 1000)
    n_words = sum(map(count_words, chosen))
    return {
        "texts": len(chosen),
        "words": n_words,
        "p50_ms": round(percentile(took, 0.5), 2),
        "p99_ms": round(percentile(took, 0.99), 2),
        "words_per_second": round(n_words / sum(took) * 1000, 1),
    }


def _start_up(arguments: argparse.Namespace) -> dict[str, float]:
    whole = ["-m", "extract.interfaces.cli", "extract", "Leonard Parker was born in Paris."]
    whole += ["--model", arguments.model, "--runtime", arguments.runtime]
    whole += ["--threads", str(arguments.threads), "--dtype", arguments.dtype, "--quiet"]
    commands = {
        "help": ["-m", "extract.interfaces.cli", "--help"],
        "import": ["-c", "import extract"],
        "extract_one_sentence": whole,
    }
    return {
        name: round(statistics.median(_seconds(argv) for _ in range(arguments.starts)), 3)
        for name, argv in commands.items()
    }


def _seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *argv], check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
