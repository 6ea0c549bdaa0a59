"""A model small enough for many processes, and its input."""

from __future__ import annotations

import json
from pathlib import Path

from extract.interfaces.batch.runner import Request
from extract.interfaces.extraction import ModelOptions
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source

FACT = "Leonard Parker received his PhD from Harvard University in 1967."
OTHER = "In 2004, Anna Lind joined Northwind as chief engineer."
PATIENCE = 300.0  # seconds


def write_lines(path: Path, n_lines: int) -> Path:
    """Texts of which each is different and many hold a triple; some are empty."""
    lines = [["", f"{FACT} ({i})", f"{OTHER} ({i})"][i % 3] for i in range(n_lines)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def request(source: Path, folder: Path, model: Path, **changes: object) -> Request:
    """A run over the lines of a file, ten a shard, one thread a worker."""
    values: dict[str, object] = {
        "source": Source.open(str(source), ReadSettings(lines=True)),
        "options": ModelOptions(model=str(model), threads=1),
        "folder": folder,
        "shard_size": 10,
    }
    return Request(**(values | changes))  # type: ignore[arg-type]


def shards(folder: Path) -> list[str]:
    """The names of the shards that are there."""
    return sorted(path.name for path in folder.glob("part-*"))


def output(folder: Path) -> bytes:
    """All shards, one after another."""
    return b"".join((folder / name).read_bytes() for name in shards(folder))


def ids(folder: Path) -> list[str]:
    """The documents of all shards, in order."""
    return [json.loads(line)["id"] for line in output(folder).splitlines()]
