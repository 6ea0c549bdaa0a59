"""Transport between layers: the plan's marginals and optimality, padding, and the formula."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.fusion.optimal_transport import OptimalTransport, sinkhorn
from extract.encoder.pretrained import LayerStates, PretrainedEncoder
from extract.errors import RecipeError
from tests.extract.encoder.fusion.build import fusion_of, random_states


def random_cost(batch: int, pieces: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.rand(batch, pieces, pieces, generator=torch.Generator().manual_seed(seed))


def mask_of(lengths: list[int], pieces: int) -> torch.Tensor:
    return torch.arange(pieces) < torch.tensor(lengths).unsqueeze(1)


def test_plan_of_two_pieces_by_hand() -> None:
    """By symmetry the plan is a softmax of each row over -cost / epsilon, halved."""
    cost, mask = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), torch.ones(1, 2, dtype=torch.bool)
    stay = 0.5 / (1 + math.exp(-1 / 0.5))
    expected = torch.tensor([[[stay, 0.5 - stay], [0.5 - stay, stay]]])
    torch.testing.assert_close(sinkhorn(cost, mask, 0.5, 5), expected)


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    epsilon=st.floats(0.5, 2.0),  # less entropy needs more rounds
    seed=st.integers(0, 99),
)
def test_rows_and_columns_have_their_mass(lengths: list[int], epsilon: float, seed: int) -> None:
    pieces = max(lengths) + 2
    mask = mask_of(lengths, pieces)
    plan = sinkhorn(random_cost(len(lengths), pieces, seed), mask, epsilon, 200)
    mass = mask / mask.sum(dim=1, keepdim=True)
    assert float(plan.min()) >= 0
    torch.testing.assert_close(plan.sum(dim=2), mass, atol=1e-6, rtol=0)
    torch.testing.assert_close(plan.sum(dim=1), mass, atol=1e-4, rtol=0)
    assert not plan[~mask].any()
    assert not plan.transpose(1, 2)[~mask].any()


def test_rows_are_exact_after_few_rounds() -> None:
    plan = sinkhorn(random_cost(2, 6), mask_of([6, 4], 6), 0.05, 1)
    torch.testing.assert_close(plan[0].sum(dim=1), torch.full((6,), 1 / 6))


def test_sharpest_setting_on_extreme_costs_stays_finite() -> None:
    cost = torch.where(random_cost(1, 8) > 1, 2.0, 0.0)
    plan = sinkhorn(cost, torch.ones(1, 8, dtype=torch.bool), 0.05, 50)
    assert bool(plan.isfinite().all())
    torch.testing.assert_close(plan.sum(), torch.tensor(1.0))


def test_plan_is_the_best_of_all_that_keep_the_marginals() -> None:
    """Moves of mass around a square of cells keep the marginals; none of them may gain."""
    cost, epsilon = random_cost(1, 5).double(), 0.3
    plan = sinkhorn(cost, torch.ones(1, 5, dtype=torch.bool), epsilon, 500)[0]

    def objective(plan: torch.Tensor) -> float:
        return float((plan * cost[0]).sum() + epsilon * (plan * plan.log()).sum())

    best = objective(plan)
    for i, j in [(0, 1), (2, 4), (3, 1)]:
        for k, m in [(0, 3), (4, 2)]:
            for amount in (1e-4, -1e-4):
                other = plan.clone()
                other[i, k] += amount
                other[j, m] += amount
                other[i, m] -= amount
                other[j, k] -= amount
                assert other.min() > 0
                assert objective(other) > best


def identity_fusion(hidden: int, **settings: float) -> OptimalTransport:
    """A fusion whose costs are those of the states themselves."""
    fusion = fusion_of(1, hidden, name="optimal_transport", width=hidden, **settings)
    assert isinstance(fusion, OptimalTransport)
    with torch.no_grad():
        for linear in (fusion.of_high, fusion.of_low):
            linear.weight.copy_(torch.eye(hidden))
            linear.bias.zero_()
    return fusion


def test_shuffled_low_layer_is_put_in_order() -> None:
    order = torch.tensor([2, 0, 3, 1])
    high = 3 * torch.eye(4).unsqueeze(0)
    fusion = identity_fusion(4, epsilon=0.05)
    plan = fusion.plan(LayerStates((high[:, order], high)))[0]
    torch.testing.assert_close(4 * plan, torch.eye(4)[:, order], atol=1e-6, rtol=0)


def test_formula() -> None:
    states = random_states(4, 2, 5, 6)
    fusion = fusion_of(4, 6, name="optimal_transport", low=2, width=3, epsilon=0.3)
    assert isinstance(fusion, OptimalTransport)
    low, high = states.layers[2], states.layers[4]
    one, other = fusion.of_high(high), fusion.of_low(low)
    cost = 1 - torch.cosine_similarity(one.unsqueeze(2), other.unsqueeze(1), dim=-1)
    plan = sinkhorn(cost, torch.ones(2, 5, dtype=torch.bool), 0.3, 20)
    torch.testing.assert_close(fusion.plan(states), plan)
    moved = 5 * plan @ low  # rows of the plan sum to 1/5
    gate = torch.sigmoid(fusion.gate(torch.cat([high, moved], dim=-1)))
    torch.testing.assert_close(fusion(states)[0], fusion.residual(high, gate * moved))


def test_window_gives_the_same_alone_and_in_a_batch(tiny_encoder: Path) -> None:
    """Through the encoder, which says what is padding."""
    encoder = PretrainedEncoder(str(tiny_encoder)).eval()
    fusion = fusion_of(encoder.n_layers, encoder.hidden, name="optimal_transport")
    with torch.no_grad():
        fusion.residual.norm.weight.fill_(1.0)  # type: ignore[operator, union-attr]
    ids = torch.randint(4, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    mask = mask_of([9, 5], 9).long()
    ids = ids * mask
    together = fusion(encoder(ids, mask, torch.zeros_like(ids)))[0]
    short = ids[1:, :5]
    alone = fusion(encoder(short, torch.ones_like(short), torch.zeros_like(short)))[0]
    torch.testing.assert_close(together[1, :5], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("n_layers", "low"), [(1, 0), (6, 2), (12, 4), (24, 8)])
def test_low_layer_is_a_third_of_the_way_up(n_layers: int, low: int) -> None:
    fusion = fusion_of(n_layers, 2, name="optimal_transport")
    assert isinstance(fusion, OptimalTransport)
    assert (fusion.low, fusion.high) == (low, n_layers)


def test_low_layer_must_be_fused_and_not_the_last() -> None:
    with pytest.raises(RecipeError, match=r"low to be one of the fusion's layers \(1, 6\), got 3"):
        fusion_of(6, 2, name="optimal_transport", layers=[1, 6], low=3)
    with pytest.raises(RecipeError, match="another layer than the last, got 6"):
        fusion_of(6, 2, name="optimal_transport", low=6)
