"""The faults of `benchmarks.faults`: each is brought about, and what the user sees is recorded."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_POLL = 0.05  # seconds
_PATIENCE = 600.0  # seconds


class Bench:
    """Runs of one input and model into folders below `folder`."""

    def __init__(
        self, folder: Path, model: str, source: Path, shard_size: int, workers: int
    ) -> None:
        self.folder, self.model, self.source = folder, model, source
        self.shard_size, self.workers = shard_size, workers
        self.seconds_to_first_shard = 0.0

    def command(self, output: str, *more: object, source: Path | None = None) -> list[str]:
        """The words of a run; options in `more` come last and so prevail."""
        words = [sys.executable, "-m", "extract.interfaces.cli", "extract", "--lines"]
        words += ["--input", str(source or self.source), "--model", self.model]
        words += ["--output", f"{self.folder / output}/", "--shard-size", str(self.shard_size)]
        return [*words, "--workers", str(self.workers), *map(str, more)]

    def start(self, output: str, *more: object, **options: Any) -> subprocess.Popen[str]:
        """Start a run in a process group of its own."""
        words = self.command(output, *more, source=options.pop("source", None))
        return subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def run(self, output: str, *more: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """A run from its start to its end; the first one says how long it takes to a first shard."""
        process = self.start(output, *more, **options)
        if not self.seconds_to_first_shard:
            started = time.monotonic()
            self.wait_for_shards(process, output, 1)
            self.seconds_to_first_shard = time.monotonic() - started
        out, err = process.communicate(timeout=_PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def wait_for_shards(self, process: subprocess.Popen[str], output: str, n_shards: int) -> None:
        """Wait until so many shards are there, or the run has ended."""
        while len(self.shards(output)) < n_shards and process.poll() is None:
            time.sleep(_POLL)

    def shards(self, output: str) -> list[Path]:
        """The finished shards in a folder, in order."""
        return sorted((self.folder / output).glob("part-??????.jsonl"))

    def output(self, output: str) -> bytes:
        """All shards, one after another."""
        return b"".join(path.read_bytes() for path in self.shards(output))

    def leftovers(self, output: str) -> list[str]:
        """Files that are neither shards nor the manifest."""
        known = {"manifest.json", ".tripack.lock", *(p.name for p in self.shards(output))}
        return sorted(p.name for p in (self.folder / output).iterdir() if p.name not in known)

    def manifest(self, output: str) -> dict[str, int]:
        """What the manifest says in sum."""
        data = json.loads((self.folder / output / "manifest.json").read_text(encoding="utf-8"))
        shards = data["shards"].values()
        return {
            "shards": len(data["shards"]),
            "triples": sum(shard["n_triples"] for shard in shards),
            "complete": data["complete"],
            "failed": len(data["failed"]),
        }

    def difference(self, output: str, expected: bytes) -> tuple[int, int]:
        """Triples that are missing, and that are there too often, counted by document and offsets."""
        wanted, found = _triples(expected), _triples(self.output(output))
        return (wanted - found).total(), (found - wanted).total()


def _triples(output: bytes) -> Counter[tuple[str, str]]:
    lines = map(json.loads, output.splitlines())
    return Counter((line["id"], json.dumps(t)) for line in lines for t in line["triples"])


def _saw(done: subprocess.CompletedProcess[str], bench: Bench) -> dict[str, Any]:
    """Exit code and standard error, without the folder's name."""
    shown = done.stderr.replace(f"{bench.folder}/", "").strip().splitlines()
    return {"exit_code": done.returncode, "user_sees": shown}


def _resumed(
    bench: Bench, output: str, expected: bytes, *more: object, source: Path | None = None
) -> dict[str, Any]:
    """Go on without the fault: what is there at the end."""
    done = bench.run(output, "--resume", *more, source=source)
    lost, duplicated = bench.difference(output, expected)
    return {
        "resumed": _saw(done, bench),
        "triples_lost": lost,
        "triples_duplicated": duplicated,
        "equal": bench.output(output) == expected,
    }


def worker_killed(bench: Bench, expected: bytes) -> dict[str, Any]:
    """One worker is killed in the middle; the run goes on by itself."""
    process = bench.start("worker")
    bench.wait_for_shards(process, "worker", 3)
    os.kill(_children(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=_PATIENCE)
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    return _saw(done, bench) | {"equal": bench.output("worker") == expected}


def _children(pid: int) -> list[int]:
    """Worker processes of a run: the children that load the model, not multiprocessing's own helper."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], **_CAPTURE)
    lines = [line.split(None, 1) for line in found.stdout.splitlines()]
    return [int(number) for number, words in lines if "spawn_main" in words]


_CAPTURE: dict[str, Any] = {"capture_output": True, "text": True, "check": False}


def terminated(bench: Bench, expected: bytes) -> dict[str, Any]:
    """SIGTERM in the middle."""
    process = bench.start("terminated")
    bench.wait_for_shards(process, "terminated", 3)
    process.terminate()
    out, err = process.communicate(timeout=_PATIENCE)
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    return _saw(done, bench) | _resumed(bench, "terminated", expected)


def two_runs(bench: Bench, expected: bytes) -> dict[str, Any]:
    """A second run on the folder of one that works."""
    process = bench.start("shared")
    bench.wait_for_shards(process, "shared", 1)
    second = bench.run("shared", "--resume")
    process.communicate(timeout=_PATIENCE)
    return _saw(second, bench) | {"equal": bench.output("shared") == expected}


def disk_full(bench: Bench, expected: bytes) -> dict[str, Any]:
    """A file system that holds a third of the output; then one that holds all."""
    target = bench.folder / "full"
    target.mkdir()
    size = f"size={len(expected) // 3}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(target)]
    if subprocess.run(mount, **_CAPTURE).returncode:
        return {"skipped": "a tmpfs cannot be mounted here"}
    try:
        found = _saw(bench.run("full"), bench)
        found["shards_kept"] = len(bench.shards("full"))
        found["leftovers"] = bench.leftovers("full")
        bigger = f"remount,size={len(expected) * 2}"
        subprocess.run(["mount", "-o", bigger, str(target)], check=True)
        return found | _resumed(bench, "full", expected)
    finally:
        subprocess.run(["umount", str(target)], check=True)


def read_only(bench: Bench, expected: bytes) -> dict[str, Any]:
    """A file system that cannot be written."""
    target = bench.folder / "readonly"
    target.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(target)], **_CAPTURE
    ).returncode:
        return {"skipped": "a tmpfs cannot be mounted here"}
    try:
        return _saw(bench.run("readonly"), bench)
    finally:
        subprocess.run(["umount", str(target)], check=True)


def corrupt_line(bench: Bench, expected: bytes) -> dict[str, Any]:
    """Invalid bytes in a line in the middle; then they are left out."""
    lines = bench.source.read_bytes().splitlines(keepends=True)
    place = len(lines) // 2
    lines[place] = b"\xff\xfe broken\n"
    source = bench.folder / "corrupt" / bench.source.name
    source.parent.mkdir()
    source.write_bytes(b"".join(lines))
    found = _saw(bench.run("corrupt-line", source=source), bench)
    found["shards_kept"] = len(bench.shards("corrupt-line"))
    without = b"".join(
        line for i, line in enumerate(expected.splitlines(keepends=True)) if i != place
    )
    return found | _resumed(bench, "corrupt-line", without, "--skip-bad", source=source)


def _broken_model(bench: Bench, name: str, change: Callable[[Path], None]) -> dict[str, Any]:
    """A run with a copy of the model in which something was changed."""
    from extract.models.registry import resolve

    copy = bench.folder / name
    shutil.copytree(resolve(bench.model), copy)
    change(copy)
    found = _saw(bench.run(f"{name}-output", "--model", copy), bench)
    return found | {"shards": len(bench.shards(f"{name}-output"))}


def model_truncated(bench: Bench, expected: bytes) -> dict[str, Any]:
    """The weights' file is cut off."""

    def cut(copy: Path) -> None:
        weights = copy / "model.safetensors"
        os.truncate(weights, weights.stat().st_size // 2)

    return _broken_model(bench, "truncated", cut)


def model_overwritten(bench: Bench, expected: bytes) -> dict[str, Any]:
    """The weights' file holds something else."""
    return _broken_model(
        bench, "overwritten", lambda copy: (copy / "model.safetensors").write_bytes(b"\xff" * 4096)
    )


def model_of_other_encoder(bench: Bench, expected: bytes) -> dict[str, Any]:
    """The hash of the encoder that the model was trained from is another one."""

    def change(copy: Path) -> None:
        config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
        config["encoder_hashes"] = {"all": "0" * 64}
        (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")

    return _broken_model(bench, "other-hash", change)


def model_changed_between(bench: Bench, expected: bytes) -> dict[str, Any]:
    """A run is to go on with another model than it began with."""
    copy = bench.folder / "changed"
    from extract.models.registry import resolve

    shutil.copytree(resolve(bench.model), copy)
    (copy / "MODEL_CARD.md").write_text("another file\n", encoding="utf-8")
    return _saw(bench.run("whole", "--resume", "--model", copy), bench)


def clock_jumps(bench: Bench, expected: bytes) -> dict[str, Any]:
    """The time of day jumps by up to ten years at each look at it, in all processes."""
    shim = bench.folder / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(
        "import random, time\n"
        "_true = time.time\n"
        "time.time = lambda: _true() + random.uniform(-3e8, 3e8)\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(shim), os.environ.get("PYTHONPATH", "")])
    done = bench.run("clock", env=os.environ | {"PYTHONPATH": path})
    return _saw(done, bench) | {"equal": bench.output("clock") == expected}


def long_line(bench: Bench, expected: bytes) -> dict[str, Any]:
    """One line of 10 MB among short ones."""
    lines = bench.source.read_text(encoding="utf-8").splitlines()
    sentence = lines[0] + " "
    source = bench.folder / "long.txt"
    long = sentence * (10_000_000 // len(sentence) + 1)
    source.write_text("\n".join([lines[0], long, lines[1]]) + "\n", encoding="utf-8")
    done = bench.run("long", source=source)
    documents = [json.loads(line) for line in bench.output("long").splitlines()]
    return _saw(done, bench) | {
        "documents": len(documents),
        "triples": [len(d["triples"]) for d in documents],
        "text_unchanged": len(documents) == 3 and documents[1]["text"] == long,
    }


def empty_lines(bench: Bench, expected: bytes) -> dict[str, Any]:
    """A million empty lines."""
    source = bench.folder / "empty.txt"
    source.write_text("\n" * 1_000_000, encoding="utf-8")
    done = bench.run("empty", "--shard-size", 50_000, source=source)
    output = bench.output("empty")
    return _saw(done, bench) | {"documents": output.count(b"\n")} | bench.manifest("empty")


CASES: list[Callable[[Bench, bytes], dict[str, Any]]] = [
    worker_killed,
    terminated,
    two_runs,
    disk_full,
    read_only,
    corrupt_line,
    model_truncated,
    model_overwritten,
    model_of_other_encoder,
    model_changed_between,
    clock_jumps,
    long_line,
    empty_lines,
]
