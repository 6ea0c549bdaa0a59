"""What every head gives and every solver takes: scored spans, triples and qualifiers of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of one sentence, scored by log-odds (above 0: rather true than false).

    spans: (spans, 2) half-open word offsets, each span once.
    entity_scores: (spans, entity_types).
    triples: (triples, 3): subject (row of `spans`), relation, object (row of `spans`).
    triple_scores: (triples,).
    qualifiers: (qualifiers, 3): triple (row of `triples`), qualifier label, value (row of `spans`).
    qualifier_scores: (qualifiers,).
    """

    spans: Ints
    entity_scores: Floats
    triples: Ints
    triple_scores: Floats
    qualifiers: Ints
    qualifier_scores: Floats

    @classmethod
    def empty(cls, n_entity_types: int) -> Candidates:
        """No candidates."""
        return cls(
            np.zeros((0, 2), np.int64),
            np.zeros((0, n_entity_types), np.float32),
            np.zeros((0, 3), np.int64),
            np.zeros(0, np.float32),
            np.zeros((0, 3), np.int64),
            np.zeros(0, np.float32),
        )

    def shifted(self, words: int) -> Candidates:
        """The same candidates with word offsets moved by `words`."""
        if words == 0:
            return self
        return Candidates(
            self.spans + words,
            self.entity_scores,
            self.triples,
            self.triple_scores,
            self.qualifiers,
            self.qualifier_scores,
        )


def merge(parts: Sequence[Candidates]) -> Candidates:
    """Candidates of several windows of a sentence as one; of equal candidates the best score counts.

    Raises `ValueError` for an empty sequence.
    """
    if not parts:
        raise ValueError("Expected at least one set of candidates to merge, got none.")
    if len(parts) == 1:
        return parts[0]
    spans: dict[Any, int] = {}
    triples: dict[Any, int] = {}
    qualifiers: dict[Any, int] = {}
    entity_scores: list[Floats] = []
    triple_scores: list[float] = []
    qualifier_scores: list[float] = []
    for part in parts:
        row_of = []
        for span, scores in zip(map(tuple, part.spans.tolist()), part.entity_scores, strict=True):
            row = spans.setdefault(span, len(spans))
            row_of.append(row)
            if row == len(entity_scores):
                entity_scores.append(scores)
            else:
                entity_scores[row] = np.maximum(entity_scores[row], scores)
        triple_of = []
        for (head, label, tail), score in zip(
            part.triples.tolist(), part.triple_scores.tolist(), strict=True
        ):
            triple_of.append(
                _keep_best(triples, triple_scores, (row_of[head], label, row_of[tail]), score)
            )
        for (triple, label, value), score in zip(
            part.qualifiers.tolist(), part.qualifier_scores.tolist(), strict=True
        ):
            _keep_best(
                qualifiers, qualifier_scores, (triple_of[triple], label, row_of[value]), score
            )
    n_types = parts[0].entity_scores.shape[1]
    return Candidates(
        np.array(list(spans), np.int64).reshape(-1, 2),
        np.array(entity_scores, np.float32).reshape(-1, n_types),
        np.array(list(triples), np.int64).reshape(-1, 3),
        np.array(triple_scores, np.float32),
        np.array(list(qualifiers), np.int64).reshape(-1, 3),
        np.array(qualifier_scores, np.float32),
    )


def _keep_best(rows: dict[Any, int], scores: list[float], key: Any, score: float) -> int:
    row = rows.setdefault(key, len(rows))
    if row == len(scores):
        scores.append(score)
    else:
        scores[row] = max(scores[row], score)
    return row
