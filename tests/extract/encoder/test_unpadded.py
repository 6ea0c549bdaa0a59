"""BERT without padding: what transformers' own steps give, at the cost of the real pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.lora import LoraSettings
from extract.encoder.pretrained import PretrainedEncoder

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> PretrainedEncoder:
    return PretrainedEncoder(str(tiny_encoder), word_shapes=True).eval()


def batch(lengths: list[int], most: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(sum(lengths))
    shape = (len(lengths), max(most, *lengths))
    mask = torch.arange(shape[1]) < torch.tensor(lengths).unsqueeze(1)
    pieces = torch.randint(4, 50, shape, generator=draw)
    return pieces, mask.long(), torch.randint(0, 3, shape, generator=draw)


@given(LENGTHS, st.integers(0, 40))
def test_real_pieces_are_what_transformers_makes_them(
    encoder: PretrainedEncoder, lengths: list[int], most: int
) -> None:
    inputs = batch(lengths, most)
    with torch.no_grad():
        expected = encoder(*inputs)
    with torch.inference_mode():
        found = encoder(*inputs)
    real = inputs[1].bool()
    assert len(found) == len(expected) == 4
    assert found.mask is not None and torch.equal(found.mask, real)
    for own, theirs in zip(found.layers, expected.layers, strict=True):
        torch.testing.assert_close(own[real], theirs[real], atol=1e-5, rtol=1e-5)
        assert own.isfinite().all()


def test_padding_is_no_part_of_products_with_weights(encoder: PretrainedEncoder) -> None:
    rows: list[int] = []
    linear = [m for m in encoder.model.encoder.modules() if isinstance(m, torch.nn.Linear)]
    hooks = [
        m.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[:-1].numel()))
        for m in linear
    ]
    with torch.inference_mode():
        encoder(*batch([30, 2, 3]))
    for hook in hooks:
        hook.remove()
    assert rows == [35] * len(linear) and linear


def test_a_text_does_not_depend_on_what_it_is_read_with(encoder: PretrainedEncoder) -> None:
    pieces, mask, shapes = batch([12, 30, 5])
    with torch.inference_mode():
        together = encoder(pieces, mask, shapes).layers[-1][0, :12]
        alone = encoder(pieces[:1, :12], mask[:1, :12], shapes[:1, :12]).layers[-1][0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_adapters_and_bfloat16_are_read_too(tiny_encoder: Path) -> None:
    encoder = PretrainedEncoder(str(tiny_encoder), lora=LoraSettings(rank=2)).eval()
    for name, weight in encoder.model.named_parameters():
        if "lora" in name:
            torch.nn.init.normal_(weight, std=0.3)
    inputs = batch([9, 4])
    real = inputs[1].bool()
    for kind, tolerance in ((False, 1e-5), (True, 0.1)):
        with torch.autocast("cpu", torch.bfloat16, enabled=kind):
            with torch.no_grad():
                expected = encoder(*inputs).layers[-1]
            with torch.inference_mode():
                found = encoder(*inputs).layers[-1]
        torch.testing.assert_close(found[real], expected[real], atol=tolerance, rtol=tolerance)


def test_other_encoders_and_training_are_left_as_they_are(
    tiny_mpnet: Path, encoder: PretrainedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoder.skips_padding
    with monkeypatch.context() as patch:  # a piece of a decoder does not read those after it
        patch.setattr(encoder.model.config, "is_decoder", True)
        assert not encoder.skips_padding
    assert not PretrainedEncoder(str(tiny_mpnet)).skips_padding
    padded = encoder(*batch([4, 2])).layers[-1]
    assert padded.requires_grad and padded[1, 2:].any()
