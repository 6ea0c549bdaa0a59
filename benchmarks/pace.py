"""How fast a model reads annotated sentences, as comparisons of heads and fusions record it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from extract.pipeline import Extractor
from extract.structures import Sentence

ROUNDS = 3


def sentences_per_second(extractor: Extractor, sentences: Sequence[Sentence]) -> float:
    """The median of `ROUNDS` rounds, from words to decoded triples, after one round to warm up."""
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        list(extractor.predict(sentences))
        seconds.append(time.perf_counter() - started)
    return round(len(sentences) / statistics.median(seconds[1:]), 1)
