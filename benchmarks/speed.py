"""Speed of extraction beside the bare encoder, and peak memory of the command line.

    python -m benchmarks.speed --out benchmarks/results/speed.json

Texts are the 4,000 sentences of HyperRED. For each number of threads, one fresh process measures
`Extractor.extract` with JSON Lines written to a file, and the encoder's forward pass alone over the
same batches of the same windows, in turns. Peak memory is that of whole `tripack extract`
processes over the sentences once and ten times, without and with --low-memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from extract.versions import environment


def main() -> None:
    """Run all measurements and write them to one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wikidata-small")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=4000)
    parser.add_argument("--only", choices=["speed", "memory"], help="leave the other out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(_measure(arguments, arguments.one)))
        return
    result: dict[str, Any] = {"model": arguments.model, "dtype": arguments.dtype}
    if arguments.only != "memory":
        result["speed"] = [_in_process(arguments, threads) for threads in arguments.threads]
    if arguments.only != "speed":
        result["memory"] = _memory(arguments)
    result["environment"] = environment()
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


def _texts(n_sentences: int) -> list[str]:
    import corpora

    examples = corpora.read("hyperred", corpora.locate("hyperred"))["train"]
    return [example.text for example in examples[:n_sentences]]


def _in_process(arguments: argparse.Namespace, threads: int) -> dict[str, Any]:
    """Run one measurement in a process of its own, so that thread settings do not linger."""
    command = [sys.executable, "-m", "benchmarks.speed", "--one", str(threads)]
    command += ["--model", arguments.model, "--dtype", arguments.dtype]
    command += ["--rounds", str(arguments.rounds), "--sentences", str(arguments.sentences)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return measured


def _measure(arguments: argparse.Namespace, threads: int) -> dict[str, Any]:
    import torch

    from extract import load
    from extract.predict import batches

    started = time.perf_counter()
    extractor = load(arguments.model, device="cpu", dtype=arguments.dtype, threads=threads)
    loading = time.perf_counter() - started
    texts = _texts(arguments.sentences)
    predictor = extractor._predictor
    sentences = [s for i, text in enumerate(texts) for s in extractor._sentences(text, str(i))]
    windows = predictor.windower.windows(sentences)
    # The batches that extraction makes: chunks of 16 x 32 sentences, sorted by length in each.
    prepared = [
        predictor.windower.batch(batch)
        for at in range(0, len(windows), 512)
        for batch in batches(windows[at : at + 512], 32)
    ]
    bare, whole = [], []
    half = arguments.dtype == "bfloat16"
    n_triples = 0
    for round_number in range(arguments.rounds + 1):
        started = time.perf_counter()
        # The encoder as PyTorch runs it by itself, not in the precision context of extraction.
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            for batch in prepared:
                predictor.model.encoder.model(
                    input_ids=batch.piece_ids, attention_mask=batch.piece_mask
                )
        encoder = time.perf_counter() - started
        started = time.perf_counter()
        with tempfile.TemporaryFile("w", encoding="utf-8") as out:
            n_triples = 0
            for document in extractor.extract(texts):
                line = document.to_dict()
                n_triples += len(line["triples"])
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        if round_number:  # the first round warms up
            bare.append(encoder)
            whole.append(time.perf_counter() - started)
    return {
        "threads": threads,
        "texts": len(texts),
        "windows": len(windows),
        "words": sum(len(s) for s in sentences),
        "triples": n_triples,
        "load_seconds": round(loading, 2),
        "encoder_texts_per_second": round(len(texts) / statistics.median(bare), 1),
        "extract_texts_per_second": round(len(texts) / statistics.median(whole), 1),
        "ratio": round(statistics.median(b / w for b, w in zip(bare, whole, strict=True)), 3),
        "rounds": arguments.rounds,
    }


def _memory(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "default": _peaks(arguments, []),
        "low_memory": _peaks(arguments, ["--low-memory"]),
    }


def _peaks(arguments: argparse.Namespace, options: list[str]) -> dict[str, Any]:
    """Peak memory of `tripack extract` over the sentences once and ten times, and its growth."""
    texts = _texts(arguments.sentences)
    peaks, seconds = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 10):
            source, target = Path(folder) / f"{times}.txt", Path(folder) / f"{times}.jsonl"
            source.write_text("\n".join(texts * times) + "\n", encoding="utf-8")
            command = [
                sys.executable,
                "-m",
                "extract.interfaces.cli",
                "extract",
                "--lines",
                "--quiet",
            ]
            command += ["--input", str(source), "--output", str(target), "--model", arguments.model]
            command += ["--dtype", arguments.dtype, *options]
            started = time.perf_counter()
            process = subprocess.Popen(command)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"tripack extract failed with status {status}.")
            size = f"{len(texts) * times} sentences"
            peaks[size] = round(usage.ru_maxrss / 1024, 1)
            seconds[size] = round(time.perf_counter() - started, 1)
    first, last = peaks.values()
    return {"peak_mib": peaks, "growth": round(last / first, 3), "seconds": seconds}


if __name__ == "__main__":
    main()
