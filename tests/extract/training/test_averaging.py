"""The exponential moving average by hand, in use, and on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from extract.training.averaging import WeightAverage


def make_model() -> nn.Linear:
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(0.0)
        model.bias.fill_(5.0)
    model.bias.requires_grad_(False)
    return model


def set_weight(model: nn.Linear, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


def test_average_by_hand_with_warmed_up_decay() -> None:
    model = make_model()
    average = WeightAverage(model, decay=0.125)
    set_weight(model, 11.0)
    average.step()  # decay 1/11: 0 / 11 + 10/11 * 11
    assert float(average.average[0]) == pytest.approx(10.0)
    set_weight(model, 2.0)
    average.step()  # decay min(1/8, 2/12) = 1/8: 10/8 + 7/8 * 2
    assert float(average.average[0]) == pytest.approx(3.0)
    assert average.n_steps == 2


def test_applied_swaps_weights_in_and_back_even_after_an_error() -> None:
    model = make_model()
    average = WeightAverage(model, 0.5)
    set_weight(model, 8.0)
    with pytest.raises(KeyError), average.applied():
        assert float(model.weight) == 0.0
        assert float(model.bias) == 5.0
        raise KeyError
    assert float(model.weight) == 8.0


def test_frozen_weights_are_left_alone() -> None:
    assert WeightAverage(make_model(), 0.5).names == ["weight"]


def test_saved_average_goes_on_as_if_never_saved(tmp_path: Path) -> None:
    model = make_model()
    average = WeightAverage(model, 0.9)
    for value in (1.0, 2.0, 3.0):
        set_weight(model, value)
        average.step()
    average.save(tmp_path)
    other_model = make_model()
    other = WeightAverage(other_model, 0.9)
    other.load(tmp_path, 3)
    for each, on in ((average, model), (other, other_model)):
        set_weight(on, 4.0)
        each.step()
    assert torch.equal(average.average[0], other.average[0])
