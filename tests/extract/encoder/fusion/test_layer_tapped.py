"""Tapped layers: the defaults by depth, settings, and that nothing is mixed."""

from __future__ import annotations

import pytest

from extract.encoder.fusion.layer_tapped import LayerTapped
from extract.errors import RecipeError
from tests.extract.encoder.fusion.build import fusion_of, random_states


@pytest.mark.parametrize(
    ("n_layers", "tapped"),
    [(3, (2, 3, 3)), (6, (4, 6, 6)), (12, (8, 12, 12)), (24, (16, 24, 24))],
)
def test_entities_read_two_thirds_of_the_way_up(
    n_layers: int, tapped: tuple[int, int, int]
) -> None:
    fusion = fusion_of(n_layers, 2, name="layer_tapped")
    assert isinstance(fusion, LayerTapped)
    assert fusion.tapped == tapped


def test_each_task_gets_its_layer_as_it_is() -> None:
    states = random_states(6, 2, 3, 4)
    fusion = fusion_of(6, 4, name="layer_tapped", entities=1, relations=5, qualifiers=3)
    for task, layer in zip(fusion(states), (1, 5, 3), strict=True):
        assert task is states.layers[layer]


def test_tasks_of_one_layer_share_it() -> None:
    _, relations, qualifiers = fusion_of(6, 4, name="layer_tapped")(random_states(6, 2, 3, 4))
    assert relations is qualifiers


def test_layer_that_is_not_fused_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"relations to be one of the fusion's layers \(0, 3, 6\), got 5"
    ):
        fusion_of(6, 2, name="layer_tapped", layers=[0, 3, 6], relations=5)
