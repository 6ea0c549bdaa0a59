"""Shards: consecutive documents of the input, numbered by position, the same in every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extract.interfaces.io.readers import Item
from extract.interfaces.io.sources import Source

MAX_CHARACTERS = 16 << 20  # of text in a shard: several shards are held in memory at a time


@dataclass(frozen=True, slots=True)
class Shard:
    """Documents `first` and the following ones of the input, counted from 1."""

    number: int
    first: int
    items: list[Item]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A shard that is done: its output, complete and on disk in the file `temporary`."""

    number: int
    first: int
    n_documents: int
    n_triples: int
    n_bytes: int
    sha256: str
    temporary: str


@dataclass(frozen=True, slots=True)
class ShardFailure:
    """A shard that was given up after several attempts."""

    number: int
    first: int
    n_documents: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards that are still to do."""

    source: Source
    shard_size: int
    done: frozenset[int]

    def shards(self) -> Iterator[Shard]:
        """Read the input and yield the shards to do, in order. To be called once.

        Raises `InputError` where the input cannot be read, after the shards before that.
        """
        for shard in cut(self.source, self.shard_size):
            if shard.number not in self.done:
                yield shard


def cut(items: Iterable[Item], size: int) -> Iterator[Shard]:
    """Documents as shards of `size`; fewer where they hold more than `MAX_CHARACTERS`."""
    held: list[Item] = []
    number, first, n_characters = 0, 1, 0
    for item in items:
        held.append(item)
        n_characters += len(item[1])
        if len(held) == size or n_characters >= MAX_CHARACTERS:
            yield Shard(number, first, held)
            number, first = number + 1, first + len(held)
            held, n_characters = [], 0
    if held:
        yield Shard(number, first, held)


def shard_name(number: int, format_name: str) -> str:
    """The file of a shard; names sort as the shards do."""
    return f"part-{number:06d}.{format_name}"
