"""How time a word and peak memory grow with a document's length and with sentences streamed.

    python -m benchmarks.growth --out benchmarks/results/growth.json

Each size is measured in a process of its own, in which 64 sentences are read first. Documents are sentences
of HyperRED in random order, joined by spaces up to the size; a size beyond the corpus repeats it. Documents
are extracted one at a time and written as JSON Lines; of small sizes as many different ones are read as
make `--least-bytes`. In `sentences`, texts of one sentence are streamed, and memory is read ten times on
the way.

`seconds` are those of the clock and `cpu_seconds` those of all threads; a document of more than a chunk of
batches is cut and decoded beside the network, which the clock shows and processor time does not. `growth`
is that of time a word and of peak memory, largest size by smallest and most by least. Sizes of
`--extrapolate` are not measured: their seconds are those of the largest size that was, by the number of
sentences.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.measured import Results, in_process, loaded, options, peak_mib, rss_mib, texts

_FLAGS = ("model", "runtime", "dtype", "threads", "seed")


def main() -> None:
    """Measure all sizes that are not in the file yet."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--bytes", nargs="*", type=int, default=[10**n for n in range(3, 7)])
    parser.add_argument("--sentences", nargs="*", type=int, default=[10**3, 10**4])
    parser.add_argument("--extrapolate", nargs="*", type=int, default=[10**6])
    parser.add_argument("--least-bytes", type=int, default=100_000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        part, size = arguments.one.split(":")
        measure = _document if part == "document" else _stream
        print(json.dumps(measure(arguments, int(size))))
        return
    results = Results(arguments, [*_FLAGS, "texts", "least_bytes"])
    for part, sizes in (("document", arguments.bytes), ("sentences", arguments.sentences)):
        found = {
            size: results.keep(f"{part}:{size}", lambda of=f"{part}:{size}": _child(arguments, of))
            for size in sorted(sizes)
        }
        if len(found) > 1:
            results.found[f"growth:{part}"] = growth([*found.values()])
        if part == "sentences" and found:
            results.found["extrapolated"] = _extrapolated(found, arguments.extrapolate)
    results.write()
    print(json.dumps(results.found, indent=1))


def growth(sizes: list[dict[str, Any]]) -> dict[str, float]:
    """How time a word and memory of sizes, the smallest first, compare."""
    found = {}
    for name in ("us_a_word", "cpu_us_a_word", "peak_mib"):
        values = [size[name] for size in sizes]
        found[f"{name}:last_by_first"] = round(values[-1] / values[0], 3)
        found[f"{name}:most_by_least"] = round(max(values) / min(values), 3)
    return found


def _extrapolated(found: dict[int, dict[str, Any]], sizes: list[int]) -> dict[str, Any]:
    largest = max(found)
    rate = found[largest]["seconds"] / largest
    return {
        "from": f"sentences:{largest}",
        **{f"seconds:{n}": round(rate * n) for n in sizes if n not in found},
    }


def _child(arguments: argparse.Namespace, one: str) -> dict[str, Any]:
    argv = ["--one", one, "--least-bytes", str(arguments.least_bytes)]
    argv += [f for name in _FLAGS for f in (f"--{name}", str(getattr(arguments, name)))]
    argv += [] if arguments.texts is None else ["--texts", str(arguments.texts)]
    return in_process("benchmarks.growth", argv)


def _document(arguments: argparse.Namespace, size: int) -> dict[str, Any]:
    """Documents of `size` bytes, one at a time."""
    from extract.encoder.words import count_words
    from extract.interfaces.extraction import TripleCount
    from extract.interfaces.io.writers import JsonLinesWriter

    writer = JsonLinesWriter()
    endless = itertools.cycle(texts(arguments))
    extractor = loaded(arguments)
    list(extractor.extract(itertools.islice(endless, 64)))
    documents = [_joined(endless, size) for _ in range(-(-arguments.least_bytes // size))]
    n_words = sum(map(count_words, documents))
    before, clock, cpu = peak_mib(), time.perf_counter(), time.process_time()
    count = TripleCount()
    with tempfile.TemporaryFile("w", encoding="utf-8") as out:
        for text in documents:
            for document, sentences in extractor.by_sentence([text]):
                out.writelines(writer.pieces(document, count.passing(sentences)))
    found = _figures(n_words, time.perf_counter() - clock, time.process_time() - cpu)
    further = {"peak_before_mib": before, "triples": count.n_triples}
    return {"documents": len(documents)} | found | further


def _joined(endless: Iterator[str], size: int) -> str:
    """Sentences of at least `size` bytes, but for the last one's sake no more."""
    parts, n_bytes = [], 0
    while n_bytes < size:
        parts.append(next(endless))
        n_bytes += len(parts[-1].encode()) + 1
    return " ".join(parts)


def _stream(arguments: argparse.Namespace, size: int) -> dict[str, Any]:
    """`size` texts of a sentence, streamed."""
    from extract.encoder.words import count_words
    from extract.interfaces.extraction import TripleCount
    from extract.interfaces.io.writers import JsonLinesWriter

    writer = JsonLinesWriter()
    endless = itertools.cycle(texts(arguments))
    extractor = loaded(arguments)
    list(extractor.extract(itertools.islice(endless, 64)))
    n_words, count, memory = 0, TripleCount(), []
    clock, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryFile("w", encoding="utf-8") as out:
        found_in = extractor.by_sentence(itertools.islice(endless, size))
        for at, (document, sentences) in enumerate(found_in, 1):
            out.writelines(writer.pieces(document, count.passing(sentences)))
            n_words += count_words(document.text)
            if at * 10 // size > (at - 1) * 10 // size:
                memory.append(rss_mib())
    found = _figures(n_words, time.perf_counter() - clock, time.process_time() - cpu)
    return found | {"rss_mib_at_each_tenth": memory, "triples": count.n_triples}


def _figures(n_words: int, seconds: float, cpu: float) -> dict[str, Any]:
    return {
        "words": n_words,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "us_a_word": round(seconds / n_words * 1e6, 1),
        "cpu_us_a_word": round(cpu / n_words * 1e6, 1),
        "peak_mib": peak_mib(),
    }


if __name__ == "__main__":
    main()
