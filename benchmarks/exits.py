"""What each early exit of a model scores on a corpus, and how fast it is.

    python -m benchmarks.exits runs/conll04-early_exit --corpus conll04 [--split dev] [--threads 1] \
        [--out benchmarks/results/exits-conll04-minilm.json]

All exits are loaded at once and read the split in turns, `--rounds` times after one to warm up, so that
what else the machine does falls on all of them alike. Speed is from words to decoded triples: sentences by
second of the clock and by second of processor time, each from the median round. Thresholds and calibration
of every exit were fitted on the dev part; on another split they are held.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import corpora
from benchmarks.seeds import figures
from benchmarks.tables import line
from extract import load
from extract.evaluation.report import evaluate_sentences
from extract.models.folder import ModelFolder, read_settings
from extract.models.registry import resolve
from extract.pipeline import Extractor
from extract.structures import Sentence
from extract.versions import environment

COLUMNS = {
    "entity_f1": "entities",
    "relation_strict_micro_f1": "relations, strict",
    "sentences_per_second": "sentences/s",
    "sentences_per_cpu_second": "sentences/CPU s",
    "speed_ratio": "times the last layer",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure every exit, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--path", type=Path, help="the corpus's folder or file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    if given.threads < 1 or given.rounds < 1:
        parser.error(f"expected counts from 1 up, got {given.threads} and {given.rounds}")
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
    before = torch.get_num_threads()
    try:
        result = measure(given)
    finally:
        torch.set_num_threads(before)
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(as_table(result))


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Figures and speed of every exit, the last layer's last."""
    path = given.path or corpora.locate(given.corpus)
    gold = [e.sentence for e in corpora.read(given.corpus, path, given.split)[given.split]]
    settings = read_settings(ModelFolder(resolve(given.model)))
    layers = [*(own.layer for own in settings.exits), None]
    extractors = [
        load(given.model, device="cpu", dtype="float32", threads=given.threads, exit_layer=layer)
        for layer in layers
    ]
    pace = in_turns(extractors, gold, given.rounds)
    rows = []
    for layer, extractor, (wall, cpu) in zip(layers, extractors, pace, strict=True):
        report = evaluate_sentences(gold, list(extractor.predict(gold))).to_dict()
        rows.append(
            {
                "exit_layer": "last" if layer is None else layer,
                **figures(report),
                "sentences_per_second": round(len(gold) / wall, 1),
                "sentences_per_cpu_second": round(len(gold) / cpu, 1),
                "speed_ratio": round(pace[-1][1] / cpu, 2),
            }
        )
    return {
        "model": settings.name,
        "encoder": settings.model.encoder.name,
        "fusion": settings.model.fusion.name,
        "corpus": given.corpus,
        "split": given.split,
        "n_sentences": len(gold),
        "threads": given.threads,
        "rounds": given.rounds,
        "speed_ratio": "of processor time",
        "exits": rows,
        "environment": environment(),
    }


def in_turns(
    extractors: Sequence[Extractor], sentences: Sequence[Sentence], rounds: int
) -> list[tuple[float, float]]:
    """The median seconds, of the clock and of the processor, in which each reads all sentences."""
    taken: list[list[tuple[float, float]]] = [[] for _ in extractors]
    for number in range(rounds + 1):
        for own, extractor in zip(taken, extractors, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            list(extractor.predict(sentences))
            if number:
                own.append((time.perf_counter() - wall, time.process_time() - cpu))
    return [
        (statistics.median(w for w, _ in own), statistics.median(c for _, c in own))
        for own in taken
    ]


def as_table(result: dict[str, Any]) -> str:
    """The rows as a table in Markdown."""
    rows = [
        line([str(row["exit_layer"]), *(str(row[key]) for key in COLUMNS)])
        for row in result["exits"]
    ]
    heads = ["exit after layer", *COLUMNS.values()]
    return "\n".join([line(heads), line(["---"] * len(heads)), *rows])


if __name__ == "__main__":
    main()
