"""Ranks worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from extract.kg.indexed import Floats, Ints
from extract.kg.ranking import RankMetrics, rank


@dataclass
class Table:
    """A scorer of a table (nodes, relations, nodes)."""

    scores: Floats

    def objects(self, subjects: Ints, relations: Ints) -> Floats:
        return self.scores[subjects, relations]

    def subjects(self, relations: Ints, objects: Ints) -> Floats:
        return self.scores[:, relations, objects].T

    def relations(self, subjects: Ints, objects: Ints) -> Floats:
        return self.scores[subjects, :, objects]


def test_metrics_are_means_over_ranks() -> None:
    found = RankMetrics.of(np.array([1.0, 2.0, 4.0, 20.0]))
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 20) / 4)
    assert (found.hits_at_1, found.hits_at_3, found.hits_at_10) == (0.25, 0.5, 0.75)
    assert found.n == 4


def test_other_true_answers_do_not_compete_and_ties_share_their_ranks() -> None:
    scores = np.zeros((5, 2, 5))
    scores[0, 0] = [0.0, 1.0, 9.0, 3.0, 3.0]
    held_out = np.array([[0, 0, 3]])
    known = np.array([[0, 0, 3], [0, 0, 2]])
    ranked = rank(Table(scores), held_out, known)
    # Object: node 2 is true as well, node 4 ties: ranks 1 and 2, so 1.5. Subject: the others score 0.
    assert ranked.ends.mrr == pytest.approx((1 / 1.5 + 1) / 2)
    assert ranked.relations.mrr == 1.0
    everything_competes = rank(Table(scores), held_out, held_out)
    assert everything_competes.ends.mrr == pytest.approx((1 / 2.5 + 1) / 2)


def test_scorer_that_knows_nothing_ranks_in_the_middle() -> None:
    ranked = rank(Table(np.zeros((9, 3, 9))), np.array([[0, 0, 1]]), np.array([[0, 0, 1]]))
    assert ranked.ends.mrr == pytest.approx(1 / 5)
    assert ranked.relations.mrr == pytest.approx(1 / 2)
