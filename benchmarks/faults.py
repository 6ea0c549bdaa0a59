"""Faults: a run over shards is killed, starved and misled, and what comes out is compared and recorded.

    python -m benchmarks.faults --tiny --out benchmarks/results/faults.json

20,000 sentences are extracted once without disturbance. The same run is then killed with SIGKILL at random
moments, `--kills` times in all, and each time started again with --resume. Most kills come after a run has
made a first new shard, the others from its start on, while it loads the model; half of them hit the run
alone, half it and its workers at once, as when a machine dies. Where a run ends between two kills, its
output is compared and another one begins. After that come the other faults, one by one, with what the user
sees. `--tiny` trains a small test model first, on a machine where the bundled one would take hours.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.fault_cases import CASES, Bench
from extract.versions import environment

ROOT = Path(__file__).resolve().parent.parent
_AT_WORK = 0.7  # share of the kills after a first new shard; the others hit a run from its start on
FACTS = ROOT / "tests" / "fixtures" / "facts.jsonl"


def main() -> None:
    """Run everything and write it to one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wikidata-small")
    parser.add_argument("--tiny", action="store_true", help="train and use a small test model")
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--shard-size", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=["kills", "faults"], help="keep the rest of the file as it is"
    )
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        model = str(_tiny_model(folder)) if arguments.tiny else arguments.model
        source = folder / "sentences.txt"
        source.write_text("\n".join(_sentences(arguments.sentences)) + "\n", encoding="utf-8")
        bench = Bench(folder, model, source, arguments.shard_size, arguments.workers)
        result: dict[str, Any] = {}
        if arguments.only and arguments.out and arguments.out.exists():
            result = json.loads(arguments.out.read_text(encoding="utf-8"))
        undisturbed, expected = _undisturbed(bench)
        settings = {
            "model": "tiny: three layers of 40, trained on the facts of the tests"
            if arguments.tiny
            else model,
            "sentences": arguments.sentences,
            "shard_size": arguments.shard_size,
            "workers": arguments.workers,
        }
        if arguments.only != "faults":
            kills = _kills(bench, undisturbed, expected, arguments.kills, arguments.seed)
            result["kills"] = settings | {"undisturbed": undisturbed} | kills | _where()
        if arguments.only != "kills":
            result["faults"] = settings | {"undisturbed": undisturbed} | _where()
            result["faults"]["cases"] = _faults(bench, expected)
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


def _where() -> dict[str, Any]:
    """Machine, versions, and how busy the machine was besides."""
    load = [round(x, 1) for x in os.getloadavg()]
    return {"load_average": load, "environment": environment()}


def _faults(bench: Bench, expected: bytes) -> dict[str, Any]:
    found = {}
    for case in CASES:
        started = time.monotonic()
        found[case.__name__] = case(bench, expected)
        found[case.__name__]["seconds"] = round(time.monotonic() - started, 1)
        print(case.__name__, json.dumps(found[case.__name__]), file=sys.stderr, flush=True)
    return found


def _sentences(n_sentences: int) -> list[str]:
    """Facts that the tiny model knows, each numbered so that no two texts are the same."""
    facts = [
        " ".join(json.loads(line)["sentences"][0])
        for line in FACTS.read_text(encoding="utf-8").splitlines()
    ]
    return [f"{facts[i % len(facts)]} ({i})" for i in range(n_sentences)]


def _tiny_model(folder: Path) -> Path:
    """The model of the tests, trained in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from extract.training.run import train; "
        "from tests.tiny import tiny_recipe, write_tiny_encoder; folder, facts = map(Path, sys.argv[1:]); "
        "train(tiny_recipe(write_tiny_encoder(folder / 'encoder', facts), facts), folder / 'run')"
    )
    command = [sys.executable, "-c", code, str(folder), str(FACTS)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return folder / "run" / "model"


def _undisturbed(bench: Bench) -> tuple[dict[str, Any], bytes]:
    """One run from beginning to end, and its output."""
    started = time.monotonic()
    done = bench.run("whole")
    if done.returncode:
        raise SystemExit(done.stderr)
    found = {"seconds": round(time.monotonic() - started, 1), "said": done.stderr.strip()}
    found["triples"] = bench.manifest("whole")["triples"]
    found["seconds_at_work"] = round(found["seconds"] - bench.seconds_to_first_shard, 1)
    return found, bench.output("whole")


def _kills(
    bench: Bench, undisturbed: dict[str, Any], expected: bytes, n_kills: int, seed: int
) -> dict[str, Any]:
    """Kill and resume until there were `n_kills` kills; compare each run that got to its end."""
    rng = random.Random(seed)
    found: dict[str, Any] = {
        "kills": 0,
        "without_a_new_shard": 0,
        "runs_completed": 0,
        "runs_equal": 0,
    }
    found |= {"triples_lost": 0, "triples_duplicated": 0, "with_workers": 0}
    n_shards_before = 0
    while True:
        process = bench.start("killed", "--resume")
        killed = False
        if found["kills"] < n_kills:
            if rng.random() < _AT_WORK:
                bench.wait_for_shards(process, "killed", n_shards_before + 1)
                moment = rng.uniform(0, undisturbed["seconds_at_work"] / 20)
            else:
                moment = rng.uniform(0.1, bench.seconds_to_first_shard)
            killed = _kill_after(process, moment, whole=rng.random() < 0.5, found=found)
        if killed:
            n_shards = len(bench.shards("killed"))
            found["without_a_new_shard"] += n_shards == n_shards_before
            n_shards_before = n_shards
            if found["kills"] % 10 == 0:
                print(json.dumps(found), file=sys.stderr, flush=True)
            continue
        _, err = process.communicate()
        if process.returncode:
            raise SystemExit(f"A resumed run failed: {err}")
        found["runs_completed"] += 1
        found["runs_equal"] += bench.output("killed") == expected
        lost, duplicated = bench.difference("killed", expected)
        found["triples_lost"] += lost
        found["triples_duplicated"] += duplicated
        found["leftovers"] = bench.leftovers("killed")
        print(json.dumps(found), file=sys.stderr, flush=True)
        if found["kills"] >= n_kills:
            break
        shutil.rmtree(bench.folder / "killed")
        n_shards_before = 0
    return found


def _kill_after(
    process: subprocess.Popen[str], seconds: float, *, whole: bool, found: dict[str, Any]
) -> bool:
    """Kill the run, alone or with all its workers. False if it ended before."""
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        pass
    if whole:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()  # until the workers, which hold the pipe, have ended as well
    if process.returncode != -signal.SIGKILL:
        return False
    found["kills"] += 1
    found["with_workers"] += whole
    return True


if __name__ == "__main__":
    main()
