"""Compare the models and profiles of a stack: F1 out of fold, and the speed of each profile.

    python -m benchmarks.stack runs/conll04-stack --corpus conll04 \
        --out benchmarks/results/stack-conll04-minilm.json

The stack is made by `tripack stack`, whose folder has the figures. Speed is that of each profile on one
thread in a process of its own, from the words of the corpus's dev split to decoded triples, the median of
three rounds; peak memory is that of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pace import ROUNDS, sentences_per_second
from benchmarks.seeds import figures
from extract.models.stack_folder import StackFolder, read_stack
from extract.versions import environment


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure each profile, write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stack", type=Path)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--path", type=Path, help="the corpus's folder or file")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # a profile, in a process of its own
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(measure(given.stack, given.one, given.corpus, given.split, given.path)))
        return
    if given.out is None:
        parser.error("--out is required")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    result = compare(given)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: result[k] for k in ("members", "growing", "profiles")}, indent=1))


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Headline figures of every model and stack, and speed and memory of every profile."""
    stack = StackFolder(given.stack)
    metrics = json.loads(stack.metrics.read_text(encoding="utf-8"))
    settings = read_stack(stack)

    def headline(found: dict[str, Any], key: str = "out_of_fold") -> dict[str, Any]:
        return {corpus: figures(report) for corpus, report in found[key].items()}

    return {
        "stack": metrics["name"],
        "settings": {key: metrics[key] for key in ("weights", "folds", "floor", "sentences")},
        "split": "dev; figures of a fold are by weights, calibration and thresholds of the others",
        "members": [
            {key: member[key] for key in ("name", "version", "head", "verifier")}
            | {"out_of_fold": headline(member), "as_trained": headline(member, "as_trained")}
            for member in metrics["members"]
        ],
        "growing": [
            {"members": found["members"], "out_of_fold": headline(found)}
            for found in metrics["growing"]
        ],
        "profiles": {
            name: {"members": found["members"], "out_of_fold": headline(found)}
            | _measured(given, name)
            for name, found in metrics["profiles"].items()
            if name in settings.profiles
        },
        "rounds": ROUNDS,
        "fitted_with": metrics["environment"],
        "environment": environment(),
    }


def _measured(given: argparse.Namespace, profile: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.stack", str(given.stack), "--one", profile]
    command += ["--corpus", given.corpus, "--split", given.split]
    command += [] if given.path is None else ["--path", str(given.path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return measured


def measure(
    stack: Path, profile: str, corpus: str, split: str, path: Path | None
) -> dict[str, float]:
    """Sentences a second and peak memory of one profile over a split, on one thread."""
    import corpora
    from extract import load

    examples = corpora.read(corpus, path or corpora.locate(corpus), split)[split]
    extractor = load(stack, accuracy=profile, device="cpu", dtype="float32", threads=1)
    return {
        "sentences_per_second": sentences_per_second(extractor, [e.sentence for e in examples]),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
