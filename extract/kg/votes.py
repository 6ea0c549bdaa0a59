"""What documents say a shorter name stands for, and whether they agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from extract.kg.entities import BaseEntities, BaseEntity
from extract.kg.structures import Merge

_AGREEMENT = (
    0.8  # share of the documents with a longer name beside the shorter one that must show the same
)


def merge_of(one: BaseEntity, other: BaseEntity, rule: str, because: str, score: float) -> Merge:
    """That two entities are one, the smaller identifier on the left."""
    left, right = sorted((one.id, other.id))
    return Merge(left, right, "same", rule, because, score)


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a shorter name stands for a longer one in a document, and how sure that is, in [0, 1]."""

    score: float
    because: str


class Votes:
    """Each document's word on what a name stands for."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._reasons: dict[tuple[str, str], Reason] = {}

    def add(self, short: BaseEntity, long: BaseEntity, reason: Reason) -> None:
        """One document's vote."""
        self._counts[short.id][long.id] += 1
        pair = short.id, long.id
        self._reasons[pair] = max(self._reasons.get(pair, reason), reason)

    def merges(self, bases: BaseEntities, rule: str) -> Iterator[Merge]:
        """Of each shorter name the merge that four of five documents agree on, if they do."""
        for short, counts in sorted(self._counts.items()):
            long, n = min(counts.items(), key=lambda item: (-item[1], item[0]))
            if n >= _AGREEMENT * counts.total():
                reason = self._reasons[short, long]
                yield merge_of(bases[short], bases[long], rule, reason.because, reason.score)
