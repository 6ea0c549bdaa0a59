"""Fusions at early exits: they read the layers that are there, and a cut fusion gives the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from extract.encoder.fusion import FUSIONS, Fusion, build_fusion, cut_fusion, fusion_config
from extract.encoder.pretrained import LayerStates
from extract.errors import RecipeError

LAYERS, BATCH, PIECES, HIDDEN = 5, 2, 3, 7
ABLE = sorted(name for name, kind in FUSIONS.items() if kind.exits)


def states() -> LayerStates:
    make = torch.Generator().manual_seed(0)
    return LayerStates(
        tuple(torch.randn(BATCH, PIECES, HIDDEN, generator=make) for _ in range(LAYERS + 1))
    )


def build(**wanted: Any) -> Fusion:
    fusion = build_fusion(fusion_config(wanted), LAYERS, HIDDEN)
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.normal_()
    return fusion


def equal(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> bool:
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


def test_these_fusions_know_exits() -> None:
    assert ABLE == ["last", "layer_tapped", "scalar_mix", "task_mix"]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(ABLE),
    chosen=st.none() | st.lists(st.integers(0, LAYERS), min_size=1, unique=True).map(tuple),
    exit_layer=st.integers(1, LAYERS),
)
def test_cut_fusion_gives_what_the_whole_one_gives_for_fewer_layers(
    name: str, chosen: tuple[int, ...] | None, exit_layer: int
) -> None:
    fusion, config = (
        build(name=name, layers=chosen),
        fusion_config({"name": name, "layers": chosen}),
    )
    fewer = states().up_to(exit_layer)
    if chosen is not None and min(chosen) > exit_layer:
        with pytest.raises(RecipeError, match=f"expected one of 0..{exit_layer} for an exit"):
            fusion(fewer)
        return
    cut, cut_config = cut_fusion(fusion, config, exit_layer, HIDDEN)
    assert equal(fusion(fewer), cut(fewer))
    assert cut_config.layers is None or max(cut_config.layers) <= exit_layer
    # What is stored of it builds the same fusion again.
    again = build_fusion(cut_config, exit_layer, HIDDEN)
    again.load_state_dict(cut.state_dict())
    assert equal(again(fewer), cut(fewer))


def test_last_layer_as_the_exit_is_the_whole_fusion() -> None:
    for name in ABLE:
        fusion = build(name=name)
        for one, other in zip(fusion(states()), fusion(states().up_to(LAYERS)), strict=True):
            assert torch.equal(one, other)


def test_mix_divides_the_weights_of_layers_that_are_there_by_their_sum() -> None:
    mix = build(name="task_mix")
    weights, scale = mix.weights.detach(), mix.scale.detach()
    shares = weights.softmax(dim=-1)[:, :4]  # layers 0 to 3
    shares = shares / shares.sum(dim=-1, keepdim=True)
    for task, fused in enumerate(mix(states().up_to(3))):
        wanted = sum(shares[task, i] * states().layers[i] for i in range(4)) * scale[task]
        torch.testing.assert_close(fused, wanted)


def test_tapped_task_reads_the_highest_layer_that_is_there() -> None:
    tapped = build(name="layer_tapped", entities=2, relations=5, qualifiers=4)
    entities, relations, qualifiers = tapped(states().up_to(3))
    assert torch.equal(entities, states().layers[2])
    assert torch.equal(relations, states().layers[3])
    assert torch.equal(qualifiers, states().layers[3])


@pytest.mark.parametrize("name", sorted(set(FUSIONS) - set(ABLE)))
def test_other_fusions_are_refused_by_name(name: str) -> None:
    config = fusion_config({"name": name})
    fusion = build_fusion(config, 8, 8)
    with pytest.raises(RecipeError, match=f"{name!r} needs all layers.*last, layer_tapped"):
        cut_fusion(fusion, config, 2, 8)
