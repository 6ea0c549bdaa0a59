"""Layer fusion: shapes, gradients, where each strategy starts, and the registry."""

from __future__ import annotations

import pytest
import torch

from extract.encoder.fusion import (
    FUSIONS,
    TASKS,
    Fusion,
    FusionConfig,
    build_fusion,
    register_fusion,
)
from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError

LAYERS, BATCH, PIECES, HIDDEN = 5, 2, 3, 7

# name -> (chosen layers, whether it starts as the last layer exactly, whether tasks may differ)
CASES = {
    "last": (None, True, False),
    "scalar_mix": ((0, 2, 5), False, False),
    "task_mix": (None, False, True),
    "concat": ((1, 3, 5), True, False),
}


def states() -> LayerStates:
    make = torch.Generator().manual_seed(0)
    return LayerStates(
        tuple(torch.randn(BATCH, PIECES, HIDDEN, generator=make) for _ in range(LAYERS + 1))
    )


def build(name: str) -> Fusion:
    return build_fusion(FusionConfig(name=name, layers=CASES[name][0]), LAYERS, HIDDEN)


def test_every_registered_fusion_is_tested_here_and_names_its_source() -> None:
    assert set(CASES) == set(FUSIONS)
    assert len({cls.__name__ for cls in FUSIONS.values()}) == len(FUSIONS)
    for name, cls in FUSIONS.items():
        assert cls.__doc__, name
        if name != "last":  # the last layer is no published method
            assert any(year in cls.__doc__ for year in ("2018", "2019")), name
            assert "Differs from the paper" in cls.__doc__, name


def test_every_concrete_fusion_is_registered() -> None:
    found, todo = set(), [Fusion]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            found.add(cls)
    assert found == set(FUSIONS.values())


@pytest.mark.parametrize("name", CASES)
def test_fusion_gives_one_state_a_piece_for_each_task(name: str) -> None:
    fused = build(name)(states())
    assert len(fused) == len(TASKS)
    for task in fused:
        assert task.shape == (BATCH, PIECES, HIDDEN)


@pytest.mark.parametrize("name", [name for name, (_, exact, _) in CASES.items() if exact])
def test_fusion_starts_as_the_last_layer(name: str) -> None:
    given = states()
    for task in build(name)(given):
        torch.testing.assert_close(task, given.layers[-1])


@pytest.mark.parametrize("name", ["scalar_mix", "task_mix"])
def test_mix_starts_with_most_weight_on_the_last_layer(name: str) -> None:
    shares = build(name).weights.softmax(-1)  # type: ignore[operator, union-attr]
    assert bool((shares[:, -1] > 0.5).all())
    torch.testing.assert_close(shares.sum(-1), torch.ones(len(shares)))


def test_scalar_mix_is_the_written_sum() -> None:
    given, fusion = states(), build("scalar_mix")
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([[0.3, -1.0, 2.0]]))  # type: ignore[operator, union-attr]
        fusion.scale.fill_(1.7)  # type: ignore[operator, union-attr]
    shares = torch.tensor([0.3, -1.0, 2.0]).softmax(0)
    expected = 1.7 * sum(s * given.layers[i] for s, i in zip(shares, (0, 2, 5), strict=True))
    torch.testing.assert_close(fusion(given)[0], expected)


@pytest.mark.parametrize("name", [name for name in CASES if name != "last"])
def test_gradient_reaches_every_parameter(name: str) -> None:
    fusion, given = build(name), states()
    weights = torch.randn(
        len(TASKS), BATCH, PIECES, HIDDEN, generator=torch.Generator().manual_seed(1)
    )
    (torch.stack(fusion(given)) * weights).sum().backward()
    assert list(fusion.parameters())
    for parameter in fusion.parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.abs().sum() > 0)


@pytest.mark.parametrize("name", CASES)
def test_only_task_fusions_tell_tasks_apart(name: str) -> None:
    fusion = build(name)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    one, two, three = fusion(states())
    differ = not (torch.equal(one, two) or torch.equal(two, three) or torch.equal(one, three))
    assert differ == CASES[name][2]


@pytest.mark.parametrize("layer", [-1, LAYERS + 1])
def test_layer_outside_the_encoder_names_both_numbers(layer: int) -> None:
    with pytest.raises(RecipeError, match=rf"layers in 0\.\.{LAYERS} .* got {layer}\."):
        build_fusion(FusionConfig(name="concat", layers=(layer,)), LAYERS, HIDDEN)


def test_unknown_fusion_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"Unknown fusion 'mean'. Expected one of: concat, last"):
        build_fusion(FusionConfig(name="mean"), LAYERS, HIDDEN)


def test_taken_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'last' is taken by LastLayer"):
        register_fusion("last")(FUSIONS["concat"])
