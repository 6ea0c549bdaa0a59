"""Probes: what can be separated is, noise is not; scores and their error against hand-worked ones."""

from __future__ import annotations

import numpy as np
import pytest

from extract.layers.probes import Probe, draws, known_labels, score


def made(n: int, signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 10) of three equally frequent labels, whose means are `signal` apart."""
    make = np.random.default_rng(seed)
    labels = np.array(["a", "b", "c"])[make.integers(0, 3, n)]
    features = make.normal(size=(n, 10)) * np.linspace(0.1, 50, 10)  # scales must not matter
    for at, label in enumerate("abc"):
        features[labels == label, at] += signal * np.linspace(0.1, 50, 10)[at]
    return features.astype(np.float32), labels


def test_probe_separates_what_is_separable() -> None:
    probe = Probe().fit(*made(3000, 8.0))
    features, labels = made(500, 8.0, seed=1)
    assert probe.converged
    assert (probe.predict(features) == labels).mean() > 0.99


def test_probe_is_at_chance_on_noise() -> None:
    probe = Probe().fit(*made(3000, 0.0))
    features, labels = made(1500, 0.0, seed=1)
    # A share of 1/3 of 1500 has a standard deviation of 1.2 points.
    assert (probe.predict(features) == labels).mean() == pytest.approx(1 / 3, abs=0.05)


def test_probe_does_not_depend_on_the_order_of_examples() -> None:
    features, labels = made(600, 1.0)
    order = np.random.default_rng(5).permutation(len(labels))
    asked, _ = made(300, 1.0, seed=2)
    one, two = Probe().fit(features, labels), Probe().fit(features[order], labels[order])
    assert (one.predict(asked) == two.predict(asked)).mean() > 0.99


GOLD = np.array(["x", "x", "none", "y", "none", "y"])
PREDICTED = np.array(["x", "y", "x", "y", "none", "none"])
SENTENCES = np.array([0, 0, 1, 1, 3, 3])


def test_score_counts_labels_other_than_none() -> None:
    found = score(GOLD, PREDICTED, SENTENCES, draws(4, 0), none="none")
    assert (found.micro.n_gold, found.micro.n_pred, found.micro.n_correct) == (4, 4, 2)
    assert found.micro.f1 == 0.5 and found.accuracy == 0.5
    assert found.macro_f1 == pytest.approx((2 / 4 + 2 / 4) / 2)  # x: 2 gold, 2 predicted, 1 right


def test_score_without_none_has_micro_f1_equal_to_accuracy() -> None:
    found = score(GOLD, PREDICTED, SENTENCES, draws(4, 0), none=None)
    assert found.micro.f1 == found.accuracy == 0.5
    assert set(found.to_dict()) >= {"micro_f1", "macro_f1", "accuracy", "standard_error"}


def test_resampled_scores_are_those_of_the_drawn_sentences() -> None:
    drawn = np.array([[1, 1, 1, 1], [2, 0, 0, 2], [0, 4, 0, 0], [0, 0, 4, 0]])
    found = score(GOLD, PREDICTED, SENTENCES, drawn, none="none")
    # twice sentences 0 and 3: 6 gold, 4 predicted, 2 right; four times 1: 4, 8, 4; 2 is empty
    assert found.resampled.tolist() == pytest.approx([0.5, 4 / 10, 8 / 12, 0.0])
    assert found.standard_error == pytest.approx(np.std([0.5, 0.4, 2 / 3, 0.0]))


def test_standard_error_of_independent_examples_is_that_of_a_share() -> None:
    make = np.random.default_rng(0)
    gold = np.full(2000, "x")
    predicted = np.where(make.random(2000) < 0.8, "x", "y")
    found = score(gold, predicted, np.arange(2000), draws(2000, 1), none=None)
    assert found.standard_error == pytest.approx((0.8 * 0.2 / 2000) ** 0.5, rel=0.15)


def test_draws_have_as_many_sentences_as_there_are() -> None:
    found = draws(7, 3)
    assert found.shape[1] == 7 and (found.sum(axis=1) == 7).all()
    assert (found == draws(7, 3)).all() and (found != draws(7, 4)).any()


def test_known_labels_are_the_most_frequent() -> None:
    labels = np.array(list("aabbbcdd"))
    assert known_labels(labels, most=2) == ["a", "b"]  # a before d: as frequent, first by name
    assert known_labels(labels) == list("abcd")
