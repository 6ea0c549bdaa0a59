"""Candidates whose entities are known beforehand: relations are then all there is to find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extract.decode.candidates import Candidates
from extract.structures import Entity

SURE = 6.0  # log-odds of spans that heads are surest of, so that calibration meets what it knows


def certain(
    candidates: Candidates, given: Sequence[Entity], types: Sequence[str], score: float
) -> Candidates:
    """The same candidates with the given entities among them, each as certain as `score` says.

    An entity's own type gets at least `score` and every other at most `-score`. Where the schema does
    not know its type, the best of the known types is raised to `score`, and the others with it. A
    given span that is no candidate, such as one that fits in no window, becomes one.

    Args:
        candidates: of one sentence.
        given: its entities.
        types: the schema's entity types.
        score: log-odds above 0.
    """
    place = {name: at for at, name in enumerate(types)}
    row_of = {(start, end): row for row, (start, end) in enumerate(candidates.spans.tolist())}
    own: dict[int, set[int]] = {}  # types that a row was given
    for entity in given:
        span = entity.span.start_word, entity.span.end_word
        known = own.setdefault(row_of.setdefault(span, len(row_of)), set())
        if entity.label in place:
            known.add(place[entity.label])
    scores = np.zeros((len(row_of), len(types)), np.float32)
    scores[: len(candidates.spans)] = candidates.entity_scores
    for row, known in own.items():
        if known:
            right = np.isin(np.arange(len(types)), sorted(known))
            scores[row] = np.where(
                right, np.maximum(scores[row], score), np.minimum(scores[row], -score)
            )
        else:
            scores[row] += max(0.0, score - float(scores[row].max()))
    return Candidates(
        np.array(list(row_of), np.int64).reshape(-1, 2),
        scores,
        candidates.triples,
        candidates.triple_scores,
        candidates.qualifiers,
        candidates.qualifier_scores,
    )
