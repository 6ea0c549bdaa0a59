"""Speed of extraction by runtime and precision beside the bare encoder, and peak memory of the command line.

    python -m benchmarks.speed --out benchmarks/results/speed.json

Texts are the 4,000 sentences of HyperRED. For each number of threads, one fresh process measures
`Extractor.extract` with JSON Lines written to a file, and the encoder's forward pass alone over
batches of the same windows, in turns of all kinds: torch-fp32, torch-bf16, onnx-fp32 and onnx-int8 (the
model exported to a temporary folder first; `refused` says why an export was refused and so left out).
The bare encoder is PyTorch's in that precision, or for ONNX the
exported graph; `ratio` is extraction's speed by its own encoder's, `by_torch_fp32` extraction's by that of
torch-fp32 in the same rounds. Peak memory is that of whole `tripack extract` processes over the sentences
once and ten times, without and with --low-memory.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measured import sentences_in
from extract.versions import environment

KINDS = ["torch-fp32", "torch-bf16", "onnx-fp32", "onnx-int8"]


def main() -> None:
    """Run all measurements and write them to one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wikidata-small")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--dtype", default="float32", help="of the memory runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=4000)
    parser.add_argument("--only", choices=["speed", "memory"], help="leave the other out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--exports", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(_measure(arguments, arguments.one)))
        return
    result: dict[str, Any] = {"model": arguments.model}
    if arguments.only != "memory":
        with tempfile.TemporaryDirectory() as folder:
            exports = Path(folder)
            result["refused"] = _export(arguments, exports)
            arguments.kinds = [kind for kind in arguments.kinds if kind not in result["refused"]]
            result["speed"] = [
                _in_process(arguments, threads, exports) for threads in arguments.threads
            ]
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


def _export(arguments: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Write the exports that are to be measured, each named by its precision; gives why some were refused."""
    from extract.errors import ModelError
    from extract.runtime.export import export_onnx

    refused = {}
    for kind in arguments.kinds:
        runtime, _, precision = kind.partition("-")
        if runtime == "onnx":
            try:
                export_onnx(arguments.model, folder / precision, precision)
            except ModelError as error:
                refused[kind] = str(error)
    return refused


def _in_process(arguments: argparse.Namespace, threads: int, exports: Path) -> dict[str, Any]:
    """Run one measurement in a process of its own, so that thread settings do not linger."""
    command = [sys.executable, "-m", "benchmarks.speed", "--one", str(threads)]
    command += ["--model", arguments.model, "--exports", str(exports)]
    command += ["--kinds", *arguments.kinds]
    command += ["--rounds", str(arguments.rounds), "--sentences", str(arguments.sentences)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return measured


def _measure(arguments: argparse.Namespace, threads: int) -> dict[str, Any]:
    texts = _texts(arguments.sentences)
    runs = {kind: _Run(kind, arguments, threads, texts) for kind in arguments.kinds}
    for round_number in range(arguments.rounds + 1):
        for run in runs.values():
            run.once(warm=round_number == 0)  # the first round warms up
    any_run = next(iter(runs.values()))
    first = runs.get("torch-fp32")
    return {
        "threads": threads,
        "texts": len(texts),
        "windows": any_run.n_windows,
        "words": any_run.n_words,
        "rounds": arguments.rounds,
        "kinds": {kind: run.result(first) for kind, run in runs.items()},
    }


class _Run:
    """One runtime in one precision: its extractor, its bare encoder, and how long each took."""

    def __init__(
        self, kind: str, arguments: argparse.Namespace, threads: int, texts: list[str]
    ) -> None:
        from extract import load
        from extract.predict import batches

        self._texts = texts
        runtime, _, precision = kind.partition("-")
        started = time.perf_counter()
        if runtime == "onnx":
            self._extractor = load(arguments.exports / precision, threads=threads, runtime="onnx")
        else:
            dtype = "bfloat16" if precision == "bf16" else "float32"
            self._extractor = load(arguments.model, device="cpu", dtype=dtype, threads=threads)
        self._loading = time.perf_counter() - started
        predictor: Any = self._extractor._predictor
        sentences = sentences_in(self._extractor, texts)
        windows = predictor.windower.windows(sentences)
        self.n_windows, self.n_words = len(windows), sum(len(s) for s in sentences)
        # Chunks of 16 x 32 sentences, as extraction makes them, cut as is best where padding is read.
        self._batches = [
            predictor.windower.batch(batch)
            for at in range(0, len(windows), 512)
            for batch in batches(windows[at : at + 512], 32)
        ]
        self._encode = _bare_encoder(predictor, runtime, precision)
        self._bare: list[float] = []
        self._whole: list[float] = []
        self._n_triples = 0

    def once(self, *, warm: bool) -> None:
        """Measure the encoder alone, then all; not kept if this is to `warm` up."""
        started = time.perf_counter()
        for batch in self._batches:
            self._encode(batch)
        between = time.perf_counter()
        with tempfile.TemporaryFile("w", encoding="utf-8") as out:
            self._n_triples = 0
            for document in self._extractor.extract(self._texts):
                line = document.to_dict()
                self._n_triples += len(line["triples"])
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        if not warm:
            self._bare.append(between - started)
            self._whole.append(time.perf_counter() - between)

    def result(self, first: _Run | None) -> dict[str, Any]:
        """Texts a second, and medians of the rounds' ratios; to `first` where there is such a run."""
        n = len(self._texts)
        found = {
            "triples": self._n_triples,
            "load_seconds": round(self._loading, 2),
            "encoder_texts_per_second": round(n / statistics.median(self._bare), 1),
            "extract_texts_per_second": round(n / statistics.median(self._whole), 1),
            "extract_words_per_second": round(self.n_words / statistics.median(self._whole), 1),
            "ratio": _median_ratio(self._bare, self._whole),
        }
        if first is not None:
            found["by_torch_fp32"] = _median_ratio(first._whole, self._whole)
        return found


def _median_ratio(above: list[float], below: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)


def _bare_encoder(predictor: Any, runtime: str, precision: str) -> Callable[[Any], object]:
    """What runs a batch through the encoder alone, as its runtime does by itself."""
    import torch

    from benchmarks import networks

    if runtime == "onnx":
        run: Callable[[Any], object] = predictor._word_states
        return run

    encoder = networks.bare_encoder(predictor.model)

    def encode(batch: Any) -> None:
        # Not in the precision context of extraction.
        with (
            torch.inference_mode(),
            torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
        ):
            encoder(input_ids=batch.piece_ids, attention_mask=batch.piece_mask)

    return encode


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
