"""Models learn small graphs by heart, repeatably, and leave nothing behind."""

from __future__ import annotations

import random
import sys
import warnings

import numpy as np
import pytest
import torch

from extract.errors import InputError
from extract.kg.indexed import IndexedGraph
from extract.kg.learners import RECIPES, learn
from extract.kg.ranking import rank
from tests.extract.kg.made import families

GRAPH = IndexedGraph.of(families(6))


@pytest.mark.parametrize("name", RECIPES)
def test_every_model_learns_a_small_graph(name: str) -> None:
    learner = learn(name, GRAPH, epochs=60)
    ranked = rank(learner, GRAPH.triples, GRAPH.triples)
    chance = np.mean(1 / np.arange(1, GRAPH.n_nodes + 1))
    assert ranked.ends.mrr > 3 * chance
    assert len(learner.vectors) == GRAPH.n_relations
    subject, relation, object_ = GRAPH.triples[:5].T
    at, own = np.arange(5), learner.triples(GRAPH.triples[:5])
    assert np.allclose(learner.objects(subject, relation)[at, object_], own, atol=1e-4)
    assert np.allclose(learner.subjects(relation, object_)[at, subject], own, atol=1e-4)
    assert np.allclose(learner.relations(subject, object_)[at, relation], own, atol=1e-4)


def test_same_seed_gives_the_same_model_and_the_process_stays_as_it_was() -> None:
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (learn("transe", GRAPH, epochs=2, threads=1, seed=3) for _ in range(2))
    assert np.array_equal(first.triples(GRAPH.triples), second.triples(GRAPH.triples))
    assert not np.array_equal(first.vectors, learn("transe", GRAPH, epochs=2, seed=4).vectors)
    drawn = random.random(), np.random.random(), torch.rand(1).item()
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    assert drawn == (random.random(), np.random.random(), torch.rand(1).item())
    assert torch.get_num_threads() == threads


def test_what_cannot_be_learned_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match=r"Unknown completion model 'bert'\. Expected one of: complex"
    ):
        learn("bert", GRAPH)
    with pytest.raises(InputError, match="got none"):
        learn("transe", GRAPH, np.zeros(0, np.int64))
    monkeypatch.setitem(sys.modules, "pykeen.models", None)
    with pytest.raises(InputError, match=r"pip install 'tripack\[knowledge\]'"):
        learn("transe", GRAPH)
