"""How high a scorer ranks what was held out: mean reciprocal rank and hits among the first k.

Sources: Bordes et al. 2013, Translating Embeddings for Modeling Multi-relational Data (the filtered setting:
other true answers are left out of a ranking); Berrendorf et al. 2020, On the Ambiguity of Rank-Based
Evaluation of Entity Alignment or Link Prediction Methods (ties).
Differs from the papers: relations of two given nodes are ranked as well as ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from extract.kg.indexed import Floats, Ints

_QUERIES = 256  # ranked at once: bounds the memory for scores to 256 * nodes


class Scorer(Protocol):
    """What gives triples scores: the higher, the likelier. Scores of one query compare with each other."""

    def objects(self, subjects: Ints, relations: Ints) -> Floats:
        """(queries, nodes) of subjects (queries,) and relations (queries,)."""

    def subjects(self, relations: Ints, objects: Ints) -> Floats:
        """(queries, nodes) of relations (queries,) and objects (queries,)."""

    def relations(self, subjects: Ints, objects: Ints) -> Floats:
        """(queries, relations) of subjects (queries,) and objects (queries,)."""


@dataclass(frozen=True, slots=True)
class RankMetrics:
    """Means over queries: of 1 / rank, and of whether the rank is at most 1, 3 and 10; `n` queries."""

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    n: int

    @classmethod
    def of(cls, ranks: Floats) -> RankMetrics:
        """Metrics of ranks (queries,), 1 being best. Raises `ValueError` for none."""
        if not len(ranks):
            raise ValueError("Expected at least one rank, got none.")
        at_1, at_3, at_10 = (float((ranks <= k).mean()) for k in (1, 3, 10))
        return cls(float((1 / ranks).mean()), at_1, at_3, at_10, len(ranks))

    def to_dict(self) -> dict[str, float]:
        """The metrics, rounded to four places."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Ranked:
    """Metrics of ends (objects and subjects of each triple) and of relations."""

    ends: RankMetrics
    relations: RankMetrics

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Both as plain values."""
        return {"ends": self.ends.to_dict(), "relations": self.relations.to_dict()}


def rank(scorer: Scorer, held_out: Ints, known: Ints) -> Ranked:
    """Rank the objects, subjects and relations of triples (triples, 3) held out.

    `known` (triples, 3) is all that is true, which competes with none. An answer tied with others has the
    middle of their ranks.
    """
    subject, relation, object_ = held_out.T
    by_object = _ranks(scorer.objects, subject, relation, object_, known[:, [0, 1, 2]])
    by_subject = _ranks(scorer.subjects, relation, object_, subject, known[:, [1, 2, 0]])
    by_relation = _ranks(scorer.relations, subject, object_, relation, known[:, [0, 2, 1]])
    ends = np.concatenate([by_object, by_subject])
    return Ranked(RankMetrics.of(ends), RankMetrics.of(by_relation))


def _ranks(
    score: Callable[[Ints, Ints], Floats], first: Ints, second: Ints, answers: Ints, known: Ints
) -> Floats:
    """(queries,): ranks of the answers to queries (first, second, ?), other true answers left out."""
    true: dict[tuple[int, int], list[int]] = {}
    for a, b, answer in known.tolist():
        true.setdefault((a, b), []).append(answer)
    ranks = []
    for start in range(0, len(answers), _QUERIES):
        part = slice(start, start + _QUERIES)
        scores = np.array(score(first[part], second[part]), np.float64)  # (queries, answers)
        own = scores[np.arange(len(scores)), answers[part]].copy()
        for row, query in enumerate(zip(first[part].tolist(), second[part].tolist(), strict=True)):
            scores[row, true.get(query, [])] = -np.inf
        better = (scores > own[:, None]).sum(axis=1)
        tied = ((scores == own[:, None]) & np.isfinite(scores)).sum(axis=1)
        ranks.append(1 + better + tied / 2)
    return np.concatenate(ranks) if ranks else np.zeros(0)
