"""Layers left out in training: how often, for each text by itself, and never at inference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from extract.encoder.layer_dropout import drop_layers, dropout_rates
from extract.encoder.pretrained import LayerStates, PretrainedEncoder

BATCH = 400


def read(encoder: PretrainedEncoder) -> LayerStates:
    ids = torch.tensor([[2, 9, 30, 3]]).repeat(BATCH, 1)
    with torch.no_grad():
        states: LayerStates = encoder(ids, torch.ones_like(ids), torch.zeros_like(ids))
    return states


@pytest.fixture(params=["tiny_encoder", "tiny_mpnet"])
def encoder(request: pytest.FixtureRequest) -> PretrainedEncoder:
    """Without dropout of its own, so that texts differ by the layers left out alone."""
    folder: Path = request.getfixturevalue(request.param)
    return PretrainedEncoder(str(folder), dropout=0.0)


def test_rates_rise_from_none_to_the_most() -> None:
    # By hand for three layers: e^0 - 1, e^(ln 2 / 2) - 1 = sqrt(2) - 1, e^(ln 2) - 1.
    assert dropout_rates(0.2, 3) == pytest.approx([0.0, 0.2 * (2**0.5 - 1), 0.2])
    assert dropout_rates(0.0, 4) == [0.0] * 4


def test_layer_is_left_out_for_as_many_texts_as_its_rate_says(encoder: PretrainedEncoder) -> None:
    rates = [0.0, 0.3, 0.6][: encoder.n_layers]
    read(encoder)  # transformers' own hooks, which record states, are there first
    drop_layers(list(encoder.blocks()), rates)
    torch.manual_seed(0)
    layers = read(encoder.train()).layers
    for below, above, rate in zip(layers[:-1], layers[1:], rates, strict=True):
        same = (below == above).all(dim=2).all(dim=1)  # (batch,)
        assert float(same.float().mean()) == pytest.approx(rate, abs=0.08)
        assert bool((below == above).all(dim=2).any(dim=1).eq(same).all())  # whole texts alone


def test_no_layer_is_left_out_at_inference(encoder: PretrainedEncoder) -> None:
    before = read(encoder.eval()).layers
    drop_layers(list(encoder.blocks()), [0.9] * encoder.n_layers)
    for one, other in zip(before, read(encoder.eval()).layers, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(before[-1], read(encoder.train()).layers[-1])


def test_layers_are_found_and_cut(encoder: PretrainedEncoder) -> None:
    whole = read(encoder.eval())
    assert len(encoder.blocks()) == encoder.n_layers
    encoder.cut(1)
    assert encoder.n_layers == 1
    for one, other in zip(whole.up_to(1).layers, read(encoder).layers, strict=True):
        assert torch.equal(one, other)
