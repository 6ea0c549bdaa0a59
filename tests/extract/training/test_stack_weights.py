"""Weights of a stack: recovered where the truth is known, sensible where there is little to learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from extract.decode.stacking import LinearWeights, StackWeights
from extract.schema import EntityType, QualifierType, Relation, Schema
from extract.training.corpora import CorpusData
from extract.training.stack_weights import (
    ABSENT,
    Examples,
    Judged,
    examples_of,
    fit_by_label,
    fit_linear,
    fit_weights,
)
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import candidates_of, schema_of

SLOPES, MISSING, INTERCEPT = np.array([0.9, 0.3]), np.array([-1.5, 0.8]), -0.4


def facts(
    n: int,
    *,
    slopes: np.ndarray = SLOPES,
    missing: np.ndarray = MISSING,
    intercept: float = INTERCEPT,
    label: int = 0,
    absent: float = 0.3,
    seed: int = 0,
) -> Judged:
    """Facts that are right by the stack's own formula; each model lacks a share of them at random."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 3, (n, len(slopes)))
    scores[rng.random(scores.shape) < absent] = np.nan
    gone = np.isnan(scores)
    z = np.where(gone, missing, slopes * np.nan_to_num(scores)).sum(axis=1) + intercept
    return Judged(scores, rng.random(n) < 1 / (1 + np.exp(-z)), np.full(n, label))


def log_odds(weights: LinearWeights, scores: np.ndarray) -> np.ndarray:
    gone = np.isnan(scores)
    terms = np.where(gone, weights.absent, np.array(weights.slopes) * np.nan_to_num(scores))
    summed: np.ndarray = terms.sum(axis=1) + weights.intercept
    return summed


# One set of weights


def test_weights_of_synthetic_facts_are_recovered() -> None:
    found = fit_linear(facts(40_000))
    assert found.slopes == pytest.approx(SLOPES, abs=0.04)
    assert found.absent == pytest.approx(MISSING, abs=0.12)
    assert found.intercept == pytest.approx(INTERCEPT, abs=0.06)


def test_fit_is_that_of_its_objective() -> None:
    """The gradient of the likelihood and the penalty vanishes at the weights, computed here by hand."""
    given = facts(500)
    found = fit_linear(given)
    gone = np.isnan(given.scores)
    chance = 1 / (1 + np.exp(-log_odds(found, given.scores)))
    residual = chance - given.right
    flags = np.array(found.absent) - ABSENT * np.array(found.slopes)
    filled = np.where(gone, ABSENT, given.scores)
    np.testing.assert_allclose(residual @ filled + found.slopes, 0, atol=1e-3)
    np.testing.assert_allclose(residual @ gone + flags, 0, atol=1e-3)
    assert residual.sum() == pytest.approx(0, abs=1e-3)


def test_fit_is_the_same_each_time() -> None:
    assert fit_linear(facts(300)) == fit_linear(facts(300))


def test_what_silence_means_is_learnt() -> None:
    """Where one model's silence speaks for a fact, its absent value is above that of its low scores."""
    found = fit_linear(facts(20_000, missing=np.array([-1.5, 2.5])))
    assert found.absent[1] == pytest.approx(2.5, abs=0.15)
    assert found.absent[1] > found.slopes[1] * 4 > 0


def test_model_that_is_never_silent_counts_as_at_its_floor_when_it_is() -> None:
    found = fit_linear(facts(2000, absent=0.0))
    assert found.absent == pytest.approx(ABSENT * np.array(found.slopes))


def test_one_model_keeps_the_order_of_its_scores() -> None:
    given = facts(400, slopes=np.array([0.7]), missing=np.array([-3.0]), absent=0.0)
    found = fit_linear(given)
    assert found.slopes[0] > 0
    order = np.argsort(given.scores[:, 0])
    assert (np.diff(log_odds(found, given.scores)[order]) > 0).all()


def test_model_that_would_count_against_itself_is_left_out() -> None:
    given = facts(3000, slopes=np.array([1.0, -0.6]))
    found = fit_linear(given)
    assert found.slopes[1] == found.absent[1] == 0
    rest = fit_linear(replace(given, scores=given.scores[:, :1]))
    assert found.slopes[0] == pytest.approx(rest.slopes[0])
    assert found.intercept == pytest.approx(rest.intercept)


def test_model_that_proposes_nothing_has_no_weight() -> None:
    given = facts(500)
    scores = np.concatenate([given.scores, np.full((500, 1), np.nan)], axis=1)
    found, without = fit_linear(replace(given, scores=scores)), fit_linear(given)
    assert found.slopes == pytest.approx((*without.slopes, 0))
    assert found.absent == pytest.approx((*without.absent, 0))


@pytest.mark.parametrize("n_wrong", [0, 9])
def test_too_few_facts_give_the_mean(n_wrong: int) -> None:
    scores = np.full((200, 3), 2.0)
    scores[:, 2] = np.nan
    right = np.arange(200) >= n_wrong
    found = fit_linear(Judged(scores, right, np.zeros(200, int)))
    assert found.slopes == (0.5, 0.5, 0)
    assert found.absent == (ABSENT / 2, ABSENT / 2, 0)
    assert found.intercept == 0


def test_no_facts_give_the_mean_of_all() -> None:
    found = fit_linear(Judged(np.zeros((0, 4)), np.zeros(0, bool), np.zeros(0, int)))
    assert found.slopes == (0.25,) * 4


def test_scores_that_say_the_opposite_give_the_mean() -> None:
    found = fit_linear(facts(2000, slopes=np.array([-1.0]), missing=np.array([0.0])))
    assert (found.slopes, found.intercept) == ((1.0,), 0)


def test_separable_facts_give_finite_weights() -> None:
    scores = np.concatenate([np.full((50, 2), 3.0), np.full((50, 2), -3.0)])
    found = fit_linear(Judged(scores, scores[:, 0] > 0, np.zeros(100, int)))
    assert all(0 < slope < 10 for slope in found.slopes)


# Weights a relation


def joined(*parts: Judged) -> Judged:
    return Judged.joined(parts)


TURNED = np.array([0.2, 1.2])  # another relation trusts the other model


def test_relations_with_many_facts_have_weights_of_their_own() -> None:
    given = joined(facts(20_000), facts(20_000, slopes=TURNED, label=1, seed=1))
    _, relations = fit_by_label(given, 2)
    assert relations[0].slopes == pytest.approx(SLOPES, abs=0.05)
    assert relations[1].slopes == pytest.approx(TURNED, abs=0.1)
    assert relations[0].absent == pytest.approx(MISSING, abs=0.2)


def test_relation_with_few_facts_stays_near_what_all_share() -> None:
    """The more facts a relation has, the further it goes from the shared weights to its own."""
    distances = []
    for n in (10, 100, 5000):
        given = joined(facts(5000), facts(n, slopes=TURNED, label=1, seed=1))
        shared, relations = fit_by_label(given, 2)
        own = np.array(relations[1].slopes) - TURNED
        whole = np.array(shared.slopes) - TURNED
        distances.append(np.abs(own).max() / np.abs(whole).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.7 and distances[-1] < 0.2


def test_relation_without_facts_has_the_shared_weights() -> None:
    shared, relations = fit_by_label(joined(facts(500), facts(500, label=2, seed=1)), 4)
    assert relations[1] == relations[3] == shared
    assert relations[0] != shared
    assert len(relations) == 4


def test_relations_alike_share_their_weights_with_the_global_fit() -> None:
    given = joined(*(facts(2000, label=r, seed=r) for r in range(4)))
    shared, relations = fit_by_label(given, 4)
    plain = fit_linear(given)
    for one in (shared, *relations):
        assert one.slopes == pytest.approx(plain.slopes, abs=0.12)


def test_deviations_weigh_against_their_own_penalty() -> None:
    """The joint fit with scaled features is the one with two penalties, solved here by Newton's method."""
    given = joined(facts(200), facts(60, slopes=TURNED, label=1, seed=1))
    shared, relations = fit_by_label(given, 2)
    gone = np.isnan(given.scores)
    base = np.concatenate([np.where(gone, ABSENT, given.scores), gone], axis=1)
    own = np.concatenate([base, np.ones((len(base), 1))], axis=1)
    one_hot = np.eye(2)[given.labels]
    block = (one_hot[:, :, None] * own[:, None, :]).reshape(len(base), -1)
    inputs = np.concatenate([base, block, np.ones((len(base), 1))], axis=1)
    ridge = np.diag([1.0] * 4 + [10.0] * 10 + [0.0])
    weights = np.zeros(inputs.shape[1])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (chance - given.right) + ridge @ weights
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge
        weights -= np.linalg.solve(curvature, gradient)
    assert shared.slopes == pytest.approx(weights[:2], abs=1e-3)
    assert shared.intercept == pytest.approx(weights[-1], abs=1e-3)
    for r in range(2):
        deviation = weights[4 + 5 * r : 9 + 5 * r]
        assert relations[r].slopes == pytest.approx(weights[:2] + deviation[:2], abs=1e-3)
        absent = ABSENT * (weights[:2] + deviation[:2]) + weights[2:4] + deviation[2:4]
        assert relations[r].absent == pytest.approx(absent, abs=5e-3)
        assert relations[r].intercept == pytest.approx(weights[-1] + deviation[4], abs=1e-3)


def test_slopes_of_a_relation_do_not_turn_negative() -> None:
    given = joined(facts(3000), facts(3000, slopes=np.array([1.0, -0.2]), label=1, seed=1))
    shared, relations = fit_by_label(given, 2)
    assert shared.slopes[1] >= 0 and relations[1].slopes[1] == 0
    assert relations[0].slopes[1] > 0.2


def test_too_few_facts_give_relations_none() -> None:
    shared, relations = fit_by_label(facts(12), 2)
    assert relations == () and shared.slopes == (0.5, 0.5)


# What is learnt from


SCHEMA = Schema(
    schema_of([]).entity_types,
    (Relation("r0"), Relation("r1")),
    (QualifierType("q0"),),
)
CORPUS = CorpusData("c", [], [], SCHEMA, "strict", True)
SENTENCE = sentence_of(
    "Ann met Bob today",
    [(0, 1, "PER"), (2, 3, "PER"), (3, 4, "TIME")],
    [(0, "r0", 1, [("q0", 2)])],
)
ONE = candidates_of(
    [(0, 1, (2, -5, -9)), (2, 3, (1, 3, -9))],
    [(0, 0, 1, 1.5), (0, 1, 1, -1)],
)
TWO = candidates_of(
    [(0, 1, (4, -3, -9)), (2, 3, (0, -9, -9)), (3, 4, (-9, -9, 5))],
    [(0, 0, 1, 2), (1, 0, 0, -3.5)],
    [(0, 0, 2, 0.5), (1, 0, 2, -2)],
)


def rows(judged: Judged) -> set[tuple[object, ...]]:
    return {
        (label, right, *(None if np.isnan(score) else score for score in scores))
        for label, right, scores in zip(
            judged.labels.tolist(), judged.right.tolist(), judged.scores.tolist(), strict=True
        )
    }


def test_facts_are_judged_by_span_and_label() -> None:
    found = examples_of([ONE, TWO], SENTENCE, CORPUS, SCHEMA)
    assert rows(found.entities) == {
        (0, True, 2, 4),
        (1, False, -5, -3),
        (0, True, 1, 0),
        (1, False, 3, -9),
        (2, True, None, 5),
    }  # those no model finds likelier than the floor are left out
    assert rows(found.triples) == {(0, True, 1.5, 2), (1, False, -1, None), (0, False, None, -3.5)}
    assert rows(found.qualifiers) == {(0, True, None, 0.5), (0, False, None, -2)}


def test_what_a_corpus_does_not_annotate_is_left_out() -> None:
    own = Schema((EntityType("PER"),), (Relation("r1"),))
    untyped = CorpusData("c", [], [], own, "strict", False)
    found = examples_of([ONE, TWO], SENTENCE, untyped, SCHEMA)
    assert rows(found.entities) == rows(found.qualifiers) == set()
    assert rows(found.triples) == {(1, False, -1, None)}
    assert found.entities.scores.shape == (0, 2)


def test_relations_that_a_sentence_leaves_open_are_left_out() -> None:
    """Of a corpus whose sentences say more than is annotated, as calibration leaves them out."""
    found = examples_of([ONE, TWO], SENTENCE, replace(CORPUS, complete=0.3), SCHEMA)
    assert rows(found.triples) == {(0, True, 1.5, 2), (0, False, None, -3.5)}  # r1 is not stated
    assert rows(found.qualifiers) == {(0, True, None, 0.5), (0, False, None, -2)}


def test_sentence_without_candidates_teaches_nothing() -> None:
    empty = candidates_of([])
    found = examples_of([empty, empty], SENTENCE, CORPUS, SCHEMA)
    assert all(len(kind.right) == 0 for kind in (found.entities, found.triples, found.qualifiers))
    weights = fit_weights([found], 2, by_relation=True)
    assert weights.n_models == 2 and weights.relations == ()


def test_each_kind_of_fact_has_its_weights() -> None:
    kinds = (
        facts(3000),
        joined(facts(3000, slopes=TURNED), facts(3000, label=1, seed=2)),
        facts(3000, intercept=1.5, seed=3),
    )
    examples = [Examples(*kinds)]
    for by_relation in (False, True):
        found = fit_weights(examples, 2, by_relation=by_relation)
        assert found.entity == fit_linear(kinds[0])
        assert found.qualifier == fit_linear(kinds[2])
        shared, own = fit_by_label(kinds[1], 2)
        expected = (shared, own) if by_relation else (fit_linear(kinds[1]), ())
        assert (found.triple, found.relations) == expected


def test_weights_survive_json() -> None:
    found = fit_weights([Examples(facts(300), facts(300), facts(300))], 2, by_relation=True)
    assert StackWeights.model_validate_json(found.model_dump_json()) == found


def test_penalty_is_that_of_the_library() -> None:
    """Without absent facts the weights are those of a plain logistic regression."""
    given = facts(500, absent=0.0)
    plain = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(given.scores, given.right)
    found = fit_linear(given)
    assert found.slopes == pytest.approx(plain.coef_[0], abs=1e-3)
