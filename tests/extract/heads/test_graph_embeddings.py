"""Embeddings of a graph: the same each time, no trace in the random state, nearer what is alike."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
import torch

from extract.errors import RecipeError
from extract.heads.graph_embeddings import GraphModel, graph_embeddings

# Names 0 to 4 are each in relation 0 with 5 and 6; names 7 to 11 in relation 1 with 12 and 13.
TRIPLES = torch.tensor(
    [(s, 0, o) for s in range(5) for o in (5, 6)]
    + [(s, 1, o) for s in range(7, 12) for o in (12, 13)]
)


def embed(model: GraphModel = "distmult", epochs: int = 60, seed: int = 3) -> torch.Tensor:
    return graph_embeddings(TRIPLES, 14, 2, model=model, width=8, epochs=epochs, seed=seed)


@pytest.mark.parametrize("model", ["distmult", "transe"])
def test_names_in_like_facts_come_to_lie_together(model: GraphModel) -> None:
    vectors = embed(model, epochs=300)
    assert vectors.shape == (14, 8)
    torch.testing.assert_close(vectors.square().mean(dim=1), torch.ones(14))
    alike = vectors @ vectors.T / 8
    first, second = alike[:5, :5], alike[:5, 7:12]
    assert float((first.sum() - 5) / 20) > float(second.mean()) + 0.3


def test_same_arguments_give_the_same_vectors_and_leave_the_random_state() -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = draws()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    one = embed(epochs=2)
    assert draws() == expected
    assert torch.equal(one, embed(epochs=2))
    assert not torch.equal(one, embed(epochs=2, seed=4))


def test_without_pykeen_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pykeen.models", None)
    with pytest.raises(RecipeError, match=r"not installed: pip install 'tripack\[knowledge\]'"):
        embed()
