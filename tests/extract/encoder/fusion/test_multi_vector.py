"""Multi-vector pooling: which layers, the formula by hand, and its limits."""

from __future__ import annotations

import math

import pytest
import torch

from extract.encoder.fusion.multi_vector import MultiVector
from tests.extract.encoder.fusion.build import fusion_of, one_piece, random_states


def pooling_of(n_layers: int, hidden: int, **settings: float) -> MultiVector:
    fusion = fusion_of(n_layers, hidden, name="multi_vector", **settings)
    assert isinstance(fusion, MultiVector)
    return fusion


@pytest.mark.parametrize(
    ("n_layers", "layers"),
    [(1, (0, 1)), (2, (0, 2)), (6, (2, 4, 6)), (12, (8, 10, 12)), (24, (20, 22, 24))],
)
def test_default_layers_are_every_second_from_the_last(
    n_layers: int, layers: tuple[int, ...]
) -> None:
    assert pooling_of(n_layers, 2).chosen == layers


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_pooling_starts_mostly_at_the_last_layer(temperature: float) -> None:
    fusion = pooling_of(6, 4, temperature=temperature)
    shares = (fusion.weights / temperature).softmax(-1)
    assert bool((shares[:, -1] > 0.5).all())


def test_formula_by_hand() -> None:
    """Scores 2 ln 3 * h[0] / 2 are 0, ln 3 and -, the last weighted out: shares 1/4 and 3/4."""
    fusion = pooling_of(4, 4)
    with torch.no_grad():
        fusion.queries.zero_()
        fusion.queries[1, 0] = 2 * math.log(3.0)
        fusion.weights.copy_(torch.tensor([[0.0, 0.0, -99.0]] * 3))
    layers = [[0.0, 8, 0, 0], [9.0] * 4, [1.0, 0, 4, 0], [9.0] * 4, [5.0] * 4]
    entities, relations, _ = fusion(one_piece(*layers))
    torch.testing.assert_close(entities[0, 0], torch.tensor([0.5, 4.0, 2.0, 0.0]))
    torch.testing.assert_close(relations[0, 0], torch.tensor([0.75, 2.0, 3.0, 0.0]))


def test_low_temperature_takes_the_best_vector_alone() -> None:
    states = random_states(6, 2, 3, 4)
    fusion = pooling_of(6, 4, temperature=1e-4)
    with torch.no_grad():
        fusion.weights.zero_()
        fusion.queries.normal_()
    vectors = torch.stack([states.layers[i] for i in (2, 4, 6)], dim=2)
    for task, query in zip(fusion(states), fusion.queries, strict=True):
        best = (vectors @ query).argmax(dim=-1)  # (batch, pieces)
        expected = vectors.gather(2, best[..., None, None].expand(-1, -1, 1, 4)).squeeze(2)
        torch.testing.assert_close(task, expected, atol=1e-3, rtol=0)


def test_state_is_what_the_soft_maximum_compares_the_query_with() -> None:
    states = random_states(4, 1, 1, 4)
    fusion = pooling_of(4, 4, temperature=0.7)
    vectors = torch.stack([states.layers[i][0, 0] for i in (0, 2, 4)])
    query = fusion.queries[0].detach().requires_grad_()
    scores = vectors @ query / 2 + fusion.weights[0].detach()
    (0.7 * (scores / 0.7).logsumexp(0)).backward()
    torch.testing.assert_close(fusion(states)[0][0, 0], 2 * query.grad)
