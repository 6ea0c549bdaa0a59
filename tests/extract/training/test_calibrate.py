"""Calibration and thresholds from dev candidates."""

from __future__ import annotations

import numpy as np
import pytest

from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.schema import EntityType, Relation, Schema
from extract.training.calibrate import GRID, fit_calibration, tune_thresholds
from extract.training.corpora import CorpusData
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import candidates_of, schema_of

SCHEMA = schema_of([Relation("r0")])
CONSTRAINTS = Constraints.from_schema(SCHEMA, nested=False)

TYPED = CorpusData("typed", [], [], SCHEMA, "strict", True)
UNTYPED = CorpusData("spans", [], [], SCHEMA, "strict", False)


def dev(n: int, slope: float, shift: float):  # type: ignore[no-untyped-def]
    """Sentences whose one entity is right with probability sigmoid(slope * score + shift)."""
    rng = np.random.default_rng(0)
    found, gold = [], []
    for score in rng.uniform(-1.5, 4, n):
        right = rng.random() < 1 / (1 + np.exp(-(slope * score + shift)))
        found.append(candidates_of([(0, 1, (score, -9, -9))]))
        gold.append(sentence_of("Ann left", [(0, 1, "PER" if right else "ORG")]))
    return found, gold


def test_calibration_of_entities_recovers_how_sure_the_scores_are() -> None:
    found, gold = dev(3000, 0.7, -0.6)
    fitted = fit_calibration(found, gold, [TYPED] * len(gold), SCHEMA, CONSTRAINTS)
    assert fitted.entity == pytest.approx((0.7, -0.6), abs=0.15)
    assert fitted.triple == (1.0, 0.0, 0.0, 0.0)  # nothing to fit


def test_calibration_of_entities_ignores_sentences_without_types() -> None:
    found, gold = dev(300, 0.7, -0.6)
    fitted = fit_calibration(found, gold, [UNTYPED] * len(gold), SCHEMA, CONSTRAINTS)
    assert fitted.entity == (1.0, 0.0)


def test_calibration_leaves_given_entities_out_and_keeps_them_where_they_nest() -> None:
    given = CorpusData("given", [], [], SCHEMA, "strict", True, given=True)
    entities = [(0, 1, "PER"), (0, 2, "PER")]
    found, gold = [], []
    rng = np.random.default_rng(0)
    for score in rng.uniform(-1.5, 4, 400):
        right = rng.random() < 1 / (1 + np.exp(-score))
        rows = [(start, end, (6, -6, -6)) for start, end, _ in entities]
        found.append(candidates_of(rows, [(0, 0, 1, score)]))
        gold.append(sentence_of("Ann Lee left", entities, [(0, "r0", 1, [])] if right else []))
    fitted = fit_calibration(found, gold, [given] * len(gold), SCHEMA, CONSTRAINTS)
    assert fitted.entity == (1.0, 0.0)
    assert fitted.triple[0] == pytest.approx(1.0, abs=0.3)  # of nested ends: none was left out


def test_thresholds_that_do_not_matter_stay_in_the_middle() -> None:
    assert tune_thresholds(Decoder(SCHEMA), *[lambda _: 0.5] * 3) == (0.5, 0.5, 0.5)


def test_thresholds_follow_the_measure() -> None:
    goal = (0.65, 0.2, 0.4)
    tried = []

    def measure(decoder: Decoder) -> float:
        tried.append(decoder.thresholds)
        return -sum(abs(a - b) for a, b in zip(decoder.thresholds, goal, strict=True))

    assert tune_thresholds(Decoder(SCHEMA), measure, measure, measure) == goal
    assert set(sum(tried, ())) <= set(GRID)


def test_no_setting_is_measured_twice() -> None:
    kinds = ("entities", "triples", "qualifiers")
    tried: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}

    def noting(kind: str):  # type: ignore[no-untyped-def]
        def measure(decoder: Decoder) -> float:
            tried[kind].append(decoder.thresholds)
            return decoder.thresholds[1]

        return measure

    assert tune_thresholds(Decoder(SCHEMA), *map(noting, kinds))[1] == max(GRID)
    for noted in tried.values():
        assert len(noted) == len(set(noted))
    assert len(tried["triples"]) == len(GRID)  # the second time nothing else has changed
    assert len(tried["entities"]) == len(tried["qualifiers"]) == len(GRID)


def test_each_threshold_follows_a_measure_of_its_own() -> None:
    by_each = tune_thresholds(
        Decoder(SCHEMA),
        lambda d: -abs(d.thresholds[0] - 0.7),
        lambda d: -abs(d.thresholds[1] - 0.3),
        lambda d: d.thresholds[2],
    )
    assert by_each == (0.7, 0.3, max(GRID))


def test_relations_that_a_corpus_does_not_annotate_are_left_out() -> None:
    other = Schema((EntityType("PER"),), (Relation("elsewhere"),))
    corpus = CorpusData("other", [], [], other, "strict", True)
    spans = [(0, 1, (4, -9, -9)), (1, 2, (4, -9, -9))]
    found = [candidates_of(spans, [(0, 0, 1, score)]) for score in np.linspace(-1, 3, 60)]
    gold = [sentence_of("Ann left", [(0, 1, "PER"), (1, 2, "PER")])] * 60
    fitted = fit_calibration(found, gold, [corpus] * 60, SCHEMA, CONSTRAINTS)
    assert fitted.triple == (1.0, 0.0, 0.0, 0.0)
    assert fitted.relations == ()


def test_relations_that_an_incomplete_sentence_does_not_state_are_left_out() -> None:
    spans = [(0, 1, (4, -9, -9)), (1, 2, (4, -9, -9))]
    scores = np.linspace(-1, 3, 60)
    found = [candidates_of(spans, [(0, 0, 1, score)]) for score in scores]
    ends = [(0, 1, "PER"), (1, 2, "PER")]
    silent = sentence_of("Ann left", ends)
    stating = sentence_of("Ann left", ends, [(0, SCHEMA.relation_names[0], 1, [])])
    gold = [stating if score > 1 else silent for score in scores]
    complete, incomplete = (
        CorpusData("c", [], [], SCHEMA, "locally_closed", True, complete=share)
        for share in (1.0, 0.2)
    )
    taught, untaught = (
        fit_calibration(found, gold, [corpus] * 60, SCHEMA, CONSTRAINTS)
        for corpus in (complete, incomplete)
    )
    assert untaught.triple == (1.0, 0.0, 0.0, 0.0)
    assert taught.triple != untaught.triple
