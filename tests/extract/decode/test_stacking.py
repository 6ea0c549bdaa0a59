"""Candidates of several models as one: facts are matched, scores add up as the formula says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from extract.decode.candidates import Candidates
from extract.decode.stacking import SURE, LinearWeights, StackWeights, align
from tests.extract.decode.cases import candidate_sets, candidates_of
from tests.extract.heads.cases import as_dict

# Model 0 knows spans A and B and a fact, model 1 spans B and C and another fact of the same ends and a
# qualifier of it; both know the fact (A, 1, B) only where A is known, so model 1 lacks it.
A, B, C = (0, 2), (3, 4), (5, 6)
FIRST = candidates_of([(*A, (1, -2, -3)), (*B, (-1, 2, 0.5))], [(0, 1, 1, 4), (1, 0, 0, -1)])
SECOND = candidates_of(
    [(*C, (0, 0, 3)), (*B, (-2, 5, 1)), (*A, (2, -1, -4))],
    [(2, 1, 1, 2), (1, 2, 0, 1)],
    [(1, 1, 2, -0.5)],
)
WEIGHTS = StackWeights(
    entity=LinearWeights(slopes=(0.5, 2), absent=(-3, -5), intercept=0.25),
    triple=LinearWeights(slopes=(1, 3), absent=(-1, -2), intercept=-0.5),
    qualifier=LinearWeights(slopes=(0.1, 4), absent=(-7, 0), intercept=1),
)


def reversed_rows(found: Candidates) -> Candidates:
    """The same candidates with spans, triples and qualifiers in the opposite order."""
    spans, triples = len(found.spans) - 1, len(found.triples) - 1
    back = found.triples[::-1].copy()
    back[:, [0, 2]] = spans - back[:, [0, 2]]
    further = found.qualifiers[::-1].copy()
    further[:, 0] = triples - further[:, 0]
    further[:, 2] = spans - further[:, 2]
    return Candidates(
        found.spans[::-1],
        found.entity_scores[::-1],
        back,
        found.triple_scores[::-1],
        further,
        found.qualifier_scores[::-1],
    )


def test_aligned_facts_are_those_of_any_model_once_with_gaps_where_one_is_silent() -> None:
    found = align([FIRST, SECOND])
    assert found.spans.tolist() == [list(A), list(B), list(C)]
    assert found.triples.tolist() == [[0, 1, 1], [1, 0, 0], [1, 2, 2]]
    np.testing.assert_array_equal(found.triple_scores, [[4, -1, np.nan], [2, np.nan, 1]])
    assert found.qualifiers.tolist() == [[2, 1, 0]]
    np.testing.assert_array_equal(found.qualifier_scores, [[np.nan], [-0.5]])
    assert found.entity_scores.shape == (2, 3, 3)
    np.testing.assert_array_equal(found.entity_scores[:, 2], [[np.nan] * 3, [0, 0, 3]])


def test_stacked_scores_are_the_weighted_sums() -> None:
    scores = as_dict(WEIGHTS.apply([FIRST, SECOND]))
    expected = {
        (A, 0): 0.5 * 1 + 2 * 2 + 0.25,
        (A, 1): 0.5 * -2 + 2 * -1 + 0.25,
        (A, 2): 0.5 * -3 + 2 * -4 + 0.25,
        (B, 0): 0.5 * -1 + 2 * -2 + 0.25,
        (B, 1): 0.5 * 2 + 2 * 5 + 0.25,
        (B, 2): 0.5 * 0.5 + 2 * 1 + 0.25,
        (C, 0): -3 + 2 * 0 + 0.25,
        (C, 1): -3 + 2 * 0 + 0.25,
        (C, 2): -3 + 2 * 3 + 0.25,
        (A, 1, B): 1 * 4 + 3 * 2 - 0.5,
        (B, 0, A): 1 * -1 - 2 - 0.5,
        (B, 2, C): -1 + 3 * 1 - 0.5,
        ((B, 2, C), 1, A): -7 + 4 * -0.5 + 1,
    }
    assert scores == pytest.approx(expected)


def test_a_relation_may_have_weights_of_its_own() -> None:
    own = [LinearWeights(slopes=(r, 10 * r), absent=(-r, -5 * r), intercept=r) for r in range(3)]
    stacked = WEIGHTS.model_copy(update={"relations": tuple(own)}).apply([FIRST, SECOND])
    scores = as_dict(stacked)
    assert scores[A, 1, B] == pytest.approx(1 * 4 + 10 * 2 + 1)
    assert scores[B, 0, A] == 0
    assert scores[B, 2, C] == pytest.approx(-2 + 20 * 1 + 2)
    entities = [key for key in scores if isinstance(key, tuple) and len(key) == 2]
    plain = as_dict(WEIGHTS.apply([FIRST, SECOND]))
    assert {k: scores[k] for k in entities} == {k: plain[k] for k in entities}


def test_scores_without_measure_count_as_sure() -> None:
    wild = candidates_of([(0, 1, (np.inf, -np.inf, 1e9)), (1, 2, (0, 0, 0))], [(0, 0, 1, np.inf)])
    found = StackWeights.identity().apply([wild])
    assert found.entity_scores[0].tolist() == [SURE, -SURE, SURE]
    assert found.triple_scores.tolist() == [SURE]


def test_nothing_stacked_is_nothing() -> None:
    found = WEIGHTS.apply([Candidates.empty(3), Candidates.empty(3)])
    assert as_dict(found) == {} and found.entity_scores.shape == (0, 3)
    assert found.spans.shape == (0, 2)
    assert found.triples.shape == found.qualifiers.shape == (0, 3)


@given(candidate_sets())
def test_one_model_without_weights_is_itself(found: Candidates) -> None:
    assert as_dict(StackWeights.identity().apply([found])) == as_dict(found)


@given(candidate_sets(), candidate_sets())
def test_stacked_facts_are_those_of_either_whatever_the_order_of_rows(
    one: Candidates, other: Candidates
) -> None:
    stacked = as_dict(WEIGHTS.apply([one, other]))
    assert stacked.keys() == as_dict(one).keys() | as_dict(other).keys()
    again = as_dict(WEIGHTS.apply([reversed_rows(one), reversed_rows(other)]))
    assert again == stacked


@given(candidate_sets(), candidate_sets(), st.floats(0.125, 4))
def test_more_belief_of_a_model_is_never_less_of_the_stack(
    one: Candidates, other: Candidates, more: float
) -> None:
    surer = replace(one, triple_scores=one.triple_scores + np.float32(more))
    before, after = as_dict(WEIGHTS.apply([one, other])), as_dict(WEIGHTS.apply([surer, other]))
    own = as_dict(one)
    for fact, score in before.items():
        is_triple = isinstance(fact, tuple) and len(fact) == 3 and isinstance(fact[1], int)
        moved = more if is_triple and isinstance(fact[0][0], int) and fact in own else 0
        assert after[fact] == pytest.approx(score + moved, abs=1e-4)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_another_number_of_models_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"Expected candidates of 2 models, got {n}"):
        WEIGHTS.apply([FIRST] * n)


def test_weights_of_unlike_numbers_of_models_are_refused() -> None:
    with pytest.raises(ValidationError, match="as many absent values as slopes, got 1 and 2"):
        LinearWeights(slopes=(1, 2), absent=(0,))
    one = LinearWeights(slopes=(1,), absent=(0,))
    for change in ({"triple": one}, {"relations": (one,)}):
        with pytest.raises(ValidationError, match="the same number of models"):
            StackWeights(**{**dict(WEIGHTS), **change})


def test_nothing_to_align_is_refused() -> None:
    none: Sequence[Candidates] = []
    with pytest.raises(ValueError, match="at least one set of candidates"):
        align(none)
