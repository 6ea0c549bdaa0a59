"""Readers of relation-extraction corpora, one file a corpus, all giving the same examples.

`read` gives plain Python objects and needs neither `datasets` nor `torch`; `load` gives a
`datasets.DatasetDict` with the columns of `features`.
"""

from __future__ import annotations

from typing import Any

from corpora.base import Changes, Corpus, Example, features, from_row, to_row
from corpora.describe import describe
from corpora.hub import load
from corpora.registry import get, locate, names, read, split

__all__ = [
    "FEATURES",
    "Changes",
    "Corpus",
    "Example",
    "describe",
    "features",
    "from_row",
    "get",
    "load",
    "locate",
    "names",
    "read",
    "split",
    "to_row",
]


def __getattr__(name: str) -> Any:
    # FEATURES needs `datasets`, which `read` must do without.
    if name == "FEATURES":
        return features()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
