"""Triples of one model, filtered by how related another one takes their ends to be.

Ding et al. 2024, Improving Recall of Large Language Models: A Model Collaboration Approach for Relational
Triple Extraction (its evaluation model, in front of a small extraction model).
Differs from the paper: unrelated pairs may lower the scores of their triples instead of removing them, by a
weight and a threshold that are tuned (`training/tune_filter.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from extract.decode.candidates import Candidates, Floats


@dataclass(frozen=True, slots=True)
class PairFilter:
    """How much relatedness counts. The defaults change nothing.

    Args:
        weight: of log-odds of relatedness below 0, which are added to the scores of a pair's triples.
        threshold: log-odds of relatedness under which a pair's triples are dropped.
        missing: log-odds of pairs that the evaluation model gives no score, such as its `triple_floor`.
    """

    weight: float = 0.0
    threshold: float = -np.inf
    missing: float = -4.0

    def apply(self, found: Candidates, related: Candidates) -> Candidates:
        """`found` without the triples of unrelated pairs, the others' scores lowered where they are doubtful.

        Qualifiers of a dropped triple go with it; spans stay.

        Args:
            found: candidates of any model.
            related: candidates of the evaluation model for the same sentence.
        """
        scores = relatedness(found, related, self.missing)
        kept = scores >= self.threshold
        row_of = np.cumsum(kept) - 1
        qualified = kept[found.qualifiers[:, 0]]
        qualifiers = found.qualifiers[qualified]
        qualifiers[:, 0] = row_of[qualifiers[:, 0]]
        lowered = found.triple_scores + (self.weight * np.minimum(scores, 0)).astype(np.float32)
        return replace(
            found,
            triples=found.triples[kept],
            triple_scores=lowered[kept],
            qualifiers=qualifiers,
            qualifier_scores=found.qualifier_scores[qualified],
        )


def relatedness(found: Candidates, related: Candidates, missing: float) -> Floats:
    """How related the ends of each triple of `found` are: (triples,), log-odds.

    Spans are compared by their words. Of several relations of a pair the best counts; a pair without any
    is as related as `missing` says.
    """
    row_of = {tuple(span): row for row, span in enumerate(related.spans.tolist())}
    n_spans = len(row_of)
    table = np.full((n_spans + 1, n_spans + 1), missing, np.float32)  # the last: unknown spans
    subject, _, object_ = related.triples.T
    scored = np.full_like(table, -np.inf)
    np.maximum.at(scored, (subject, object_), related.triple_scores)
    table = np.where(np.isfinite(scored), scored, table)
    place = np.array([row_of.get(tuple(s), n_spans) for s in found.spans.tolist()], np.int64)
    return table[place[found.triples[:, 0]], place[found.triples[:, 2]]]
