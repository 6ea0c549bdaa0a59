"""Calibration and thresholds from dev candidates."""

from __future__ import annotations

import numpy as np
import pytest

from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.schema import Relation
from extract.training.calibrate import GRID, fit_calibration, tune_thresholds
from tests.extract.cases import sentence_of
from tests.extract.decode.cases import candidates_of, schema_of

SCHEMA = schema_of([Relation("r0")])
CONSTRAINTS = Constraints.from_schema(SCHEMA, nested=False)


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
    fitted = fit_calibration(found, gold, [True] * len(gold), SCHEMA, CONSTRAINTS)
    assert fitted.entity == pytest.approx((0.7, -0.6), abs=0.15)
    assert fitted.triple == (1.0, 0.0, 0.0)  # nothing to fit


def test_calibration_of_entities_ignores_sentences_without_types() -> None:
    found, gold = dev(300, 0.7, -0.6)
    fitted = fit_calibration(found, gold, [False] * len(gold), SCHEMA, CONSTRAINTS)
    assert fitted.entity == (1.0, 0.0)


def test_thresholds_that_do_not_matter_stay_in_the_middle() -> None:
    assert tune_thresholds(Decoder(SCHEMA), lambda _: 0.5) == (0.5, 0.5, 0.5)


def test_thresholds_follow_the_measure() -> None:
    goal = (0.65, 0.2, 0.4)
    tried = []

    def measure(decoder: Decoder) -> float:
        tried.append(decoder.thresholds)
        return -sum(abs(a - b) for a, b in zip(decoder.thresholds, goal, strict=True))

    assert tune_thresholds(Decoder(SCHEMA), measure) == goal
    assert set(sum(tried, ())) <= set(GRID)
