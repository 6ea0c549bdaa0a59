"""How long one text takes: a sentence at a time, and by its length in words.

    python -m benchmarks.latency --out benchmarks/results/latency.json

Each text is given alone to `Extractor.extract` and written as JSON. `sentence` is over sentences of
HyperRED as they are. Texts of `--lengths` are sentences one after another, full stops made commas so that
each is one sentence, cut at that many words. How long a process takes to start: `benchmarks.start`.
"""

from __future__ import annotations

import json
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
    arguments = parser.parse_args()
    names = ["model", "runtime", "dtype", "threads", "seed", "texts", "n_texts", "n_each"]
    results = Results(arguments, [*names, "lengths"])
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


if __name__ == "__main__":
    main()
