"""A pair filter over candidates: what is dropped, what is lowered, and that nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.decode.pair_filter import PairFilter, relatedness
from extract.training.tune_filter import tune_pair_filter
from tests.extract.decode.cases import candidate_sets, candidates_of

NONE = (0.0, 0.0, 0.0)
FOUND = candidates_of(
    [(0, 1, NONE), (2, 4, NONE), (5, 6, NONE)],
    [(0, 0, 1, 3.0), (0, 1, 1, 1.0), (1, 0, 0, 2.0), (0, 0, 2, 4.0)],
    [(0, 0, 2, 0.5), (2, 1, 2, 0.25), (3, 0, 1, 0.75)],
)
# The same sentence: spans in another order, one of them unknown, one pair scored twice, one not at all.
RELATED = candidates_of(
    [(2, 4, NONE), (0, 1, NONE)], [(1, 0, 0, -1.0), (1, 1, 0, 1.5)], n_types=len(NONE)
)


def test_relatedness_goes_by_spans_and_takes_the_best_relation() -> None:
    assert relatedness(FOUND, RELATED, -4.0).tolist() == [1.5, 1.5, -4.0, -4.0]
    none = candidates_of([], n_types=len(NONE))
    assert relatedness(FOUND, none, -2.0).tolist() == [-2.0] * 4
    assert relatedness(none, RELATED, -2.0).tolist() == []


def test_low_relatedness_below_missing_still_counts_as_scored() -> None:
    low = candidates_of([(0, 1, NONE), (2, 4, NONE)], [(0, 0, 1, -9.0)])
    assert relatedness(FOUND, low, -4.0).tolist() == [-9.0, -9.0, -4.0, -4.0]


def test_triples_of_unrelated_pairs_go_and_their_qualifiers_with_them() -> None:
    kept = PairFilter(threshold=0.0).apply(FOUND, RELATED)
    assert kept.triples.tolist() == [[0, 0, 1], [0, 1, 1]]
    assert kept.triple_scores.tolist() == [3.0, 1.0]
    assert kept.qualifiers.tolist() == [[0, 0, 2]]
    assert kept.qualifier_scores.tolist() == [0.5]
    assert kept.spans is FOUND.spans


def test_weight_lowers_doubtful_pairs_and_raises_none() -> None:
    after = PairFilter(weight=0.5).apply(FOUND, RELATED)
    assert after.triple_scores.tolist() == [3.0, 1.0, 0.0, 2.0]
    assert after.qualifiers.tolist() == FOUND.qualifiers.tolist()


def test_qualifiers_follow_their_triple_to_its_new_row() -> None:
    related = candidates_of([(0, 1, NONE), (2, 4, NONE), (5, 6, NONE)], [(0, 0, 2, 1.0)])
    kept = PairFilter(threshold=0.0).apply(FOUND, related)
    assert kept.triples.tolist() == [[0, 0, 2]]
    assert kept.qualifiers.tolist() == [[0, 0, 1]]


@given(candidate_sets(), candidate_sets(), st.floats(0, 2), st.floats(-5, 5))
def test_filter_never_adds_and_the_default_changes_nothing(found, related, weight, threshold):  # type: ignore[no-untyped-def]
    before = [row.copy() for row in (found.triples, found.qualifiers)]
    same = PairFilter().apply(found, related)
    assert same.triples.tolist() == found.triples.tolist()
    assert np.array_equal(same.triple_scores, found.triple_scores)
    assert same.qualifiers.tolist() == found.qualifiers.tolist()
    kept = PairFilter(weight, threshold).apply(found, related)
    old = dict(zip(map(tuple, found.triples.tolist()), found.triple_scores.tolist(), strict=True))
    for triple, score in zip(kept.triples.tolist(), kept.triple_scores.tolist(), strict=True):
        assert score <= old[tuple(triple)] + 1e-6
    owner = [(*found.triples[t].tolist(), q, v) for t, q, v in found.qualifiers.tolist()]
    for t, q, v in kept.qualifiers.tolist():
        assert (*kept.triples[t].tolist(), q, v) in owner
    for was, now in zip(before, (found.triples, found.qualifiers), strict=True):
        assert was.tolist() == now.tolist()  # the input stays as it was


def test_tuning_takes_the_best_and_of_equals_the_mildest() -> None:
    assert tune_pair_filter(lambda _: 0.5, -4.0) == PairFilter(missing=-4.0)
    best = tune_pair_filter(lambda f: -abs(f.weight - 0.9) - abs(f.threshold + 2.2), -3.0)
    assert best == PairFilter(weight=1.0, threshold=-2.0, missing=-3.0)
    heavy = tune_pair_filter(lambda f: float(f.weight >= 1 or f.threshold >= -1), -4.0)
    assert (heavy.weight, heavy.threshold) == pytest.approx((1.0, -np.inf))
