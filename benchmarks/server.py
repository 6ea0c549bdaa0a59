"""The server under load: 200 clients at once for 60 seconds, each asking again as soon as it is answered.

    python -m benchmarks.server --output benchmarks/results/server.json

Starts `tripack serve` as a process of its own with the bundled model. Each request is another sentence of
HyperRED. A client that is told to come back later does. Reports requests a second, times of
those answered with 200, answers by status, and the server's resident memory, each second and in thirds of
the time, after a tenth of the time to warm up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from extract.versions import environment

_WARM = 0.1  # share of the time whose answers and memory are left out
_MIB = 1 << 20


@dataclass
class Load:
    """What the clients saw, and the server's memory meanwhile."""

    texts: list[str]
    address: str
    until: float
    counted_from: float
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    words: int = 0
    memory: list[float] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    async def client(self, session: aiohttp.ClientSession) -> None:
        """Ask until the time is over."""
        while time.monotonic() < self.until:
            text = self.texts[next(self.numbers) % len(self.texts)]
            wait = await self.ask(session, text)
            await asyncio.sleep(min(wait, max(0.0, self.until - time.monotonic())))

    async def ask(self, session: aiohttp.ClientSession, text: str) -> float:
        """Ask once. Gives the seconds to wait before the next request."""
        started = time.monotonic()
        try:
            async with session.post(f"{self.address}/extract", json={"text": text}) as answer:
                document = await answer.json(content_type=None)
                status, wait = str(answer.status), float(answer.headers.get("retry-after", 0))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            status, wait, document = type(error).__name__, 1.0, None
        if status == "200" and document["text"] != text:
            status = "another's answer"
        self.statuses[status] += 1
        if status == "200" and started >= self.counted_from:
            self.seconds.append(time.monotonic() - started)
            self.words += len(text.split())
        return wait

    async def watch(self, pid: int) -> None:
        """Note the server's memory each second."""
        while time.monotonic() < self.until:
            if time.monotonic() >= self.counted_from:
                self.memory.append(resident(pid))
            await asyncio.sleep(1)


def resident(pid: int) -> float:
    """Resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"Process {pid} has ended.")


async def run(load: Load, n_clients: int, pid: int) -> None:
    """All clients at once."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120)
    ) as session:
        clients = [load.client(session) for _ in range(n_clients)]
        await asyncio.gather(load.watch(pid), *clients)


@contextmanager
def server(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`tripack serve` on a free port, and its address; it is told to stop at the end."""
    command = [sys.executable, "-m", "extract.interfaces.cli", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if " on http" not in line:
            raise SystemExit(line + process.stderr.read())
        address = line.rpartition(" on ")[2].split()[0]
        yield process, address
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(address: str) -> dict[str, Any]:
    """Wait for the first answer of `/health`."""
    import urllib.request

    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server does not answer.")


def report(load: Load, n_clients: int, seconds: float) -> dict[str, Any]:
    """The figures."""
    counted = seconds * (1 - _WARM)
    ranks = statistics.quantiles(load.seconds, n=100, method="inclusive")
    third = max(1, len(load.memory) // 3)
    first, last = load.memory[:third], load.memory[-third:]
    return {
        "clients": n_clients,
        "seconds": seconds,
        "answers": dict(sorted(load.statuses.items())),
        "requests_per_second": round(len(load.seconds) / counted, 1),
        "words_per_second": round(load.words / counted, 1),
        "latency_seconds": {
            "p50": round(ranks[49], 3),
            "p99": round(ranks[98], 3),
            "longest": round(max(load.seconds), 3),
        },
        "memory_mib": {
            "first": round(load.memory[0], 1),
            "last": round(load.memory[-1], 1),
            "highest": round(max(load.memory), 1),
            "mean_of_first_third": round(statistics.mean(first), 1),
            "mean_of_last_third": round(statistics.mean(last), 1),
            "growth": round(statistics.mean(last) / statistics.mean(first), 3),
        },
    }


def read_texts() -> list[str]:
    """The sentences."""
    import corpora

    examples = corpora.read("hyperred", corpora.locate("hyperred"))["train"]
    return [example.text for example in examples]


def main() -> None:
    """Start the server, put it under load, write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wikidata-small")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, help="of the model; default: all cores")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    texts = read_texts()
    options = ["--model", arguments.model]
    if arguments.threads is not None:
        options += ["--threads", str(arguments.threads)]
    with server(*options) as (process, address):
        health = wait_until_ready(address)
        now = time.monotonic()
        seconds = arguments.seconds
        load = Load(texts, address, now + seconds, now + seconds * _WARM)
        asyncio.run(run(load, arguments.clients, process.pid))
    result = {
        "model": health["model"],
        "threads_of_the_model": arguments.threads,
        **report(load, arguments.clients, seconds),
        "environment": environment(),
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
