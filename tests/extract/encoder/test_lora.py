"""Low-rank adapters: where they stand, what learns, that merging changes nothing, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from extract.encoder.lora import (
    LoraSettings,
    add_lora,
    is_adapter,
    merge_lora,
    stored_name,
    targeted,
)
from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import ModelError, RecipeError

RANK, HIDDEN, INNER, LAYERS = 3, 40, 80, 3
SETTINGS = LoraSettings(rank=RANK, alpha=5.0)


def adapted(folder: Path, settings: LoraSettings = SETTINGS) -> PretrainedEncoder:
    """An encoder whose adapters are no longer fresh, so that they do something."""
    torch.manual_seed(1)
    encoder = PretrainedEncoder(str(folder), word_shapes=True, lora=settings)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    return encoder.eval()


def read(encoder: PretrainedEncoder) -> tuple[Tensor, ...]:
    ids = torch.tensor([[2, 9, 30, 3], [2, 50, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.no_grad():
        return encoder.eval()(ids, mask, torch.zeros_like(ids)).layers


def split(encoder: PretrainedEncoder) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """An adapted encoder's own weights and its adapters, by the names that a model folder has."""
    named = {stored_name(k): v.clone() for k, v in encoder.model.state_dict().items()}
    own = {k: v for k, v in named.items() if not is_adapter(k)}
    return own, {k: v for k, v in named.items() if is_adapter(k)}


def test_fresh_adapters_change_nothing(tiny_encoder: Path) -> None:
    plain = read(PretrainedEncoder(str(tiny_encoder)))
    for one, other in zip(
        plain, read(PretrainedEncoder(str(tiny_encoder), lora=SETTINGS)), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_all_linear_layers_are_adapted_unless_some_are_named(tiny_encoder: Path) -> None:
    plain = PretrainedEncoder(str(tiny_encoder)).model
    every = targeted(plain, SETTINGS, "tiny")
    assert len(every) == LAYERS * 6  # query, key, value, output; two of the feed-forward part
    some = targeted(plain, LoraSettings(targets=("query", "attention.output.dense")), "tiny")
    assert some == [
        *(f"encoder.layer.{i}.attention.self.query" for i in range(LAYERS)),
        *(f"encoder.layer.{i}.attention.output.dense" for i in range(LAYERS)),
    ]


def test_unknown_target_lists_the_known_ones(tiny_encoder: Path) -> None:
    with pytest.raises(RecipeError, match=r"targets 'quer'.*tiny.*dense, key, query, value"):
        targeted(
            PretrainedEncoder(str(tiny_encoder)).model, LoraSettings(targets=("quer",)), "tiny"
        )


def test_adapters_and_word_shapes_alone_get_gradient(tiny_encoder: Path) -> None:
    encoder = adapted(tiny_encoder)
    read_ids = torch.tensor([[2, 9, 30, 3]])
    states = encoder(read_ids, torch.ones_like(read_ids), torch.zeros_like(read_ids))
    states.layers[-1].square().sum().backward()
    moved = {n for n, p in encoder.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {n for n, p in encoder.named_parameters() if p.requires_grad}
    assert moved == {n for n, _ in encoder.named_parameters() if "lora_" in n} | {"shapes.weight"}
    sizes = [p.numel() for n, p in encoder.named_parameters() if "lora_" in n]
    assert sum(sizes) == LAYERS * RANK * (4 * 2 * HIDDEN + 2 * (HIDDEN + INNER))


def test_merged_weights_are_those_that_peft_merges_and_give_the_same_states(
    tiny_encoder: Path,
) -> None:
    from peft.tuners.lora import LoraLayer

    encoder = adapted(tiny_encoder)
    before = read(encoder)
    own, adapters = split(encoder)
    assert merge_lora(own, adapters, SETTINGS) == set(adapters)
    plain = PretrainedEncoder(str(tiny_encoder), word_shapes=True)
    plain.model.load_state_dict(own)
    for one, other in zip(before, read(plain), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    for module in encoder.model.modules():
        if isinstance(module, LoraLayer):
            module.merge()  # type: ignore[operator]
    for name, value in split(encoder)[0].items():
        torch.testing.assert_close(own[name], value, rtol=1e-6, atol=1e-6)
    assert not torch.equal(before[-1], read(PretrainedEncoder(str(tiny_encoder)))[-1])


def test_half_an_adapter_a_foreign_one_and_one_of_another_rank_are_refused(
    tiny_encoder: Path,
) -> None:
    own, adapters = split(adapted(tiny_encoder))
    stem = "encoder.layer.1.attention.self.key"
    a = adapters[f"{stem}.lora_A.weight"]
    with pytest.raises(ModelError, match=f"adapter of {stem} is not whole"):
        merge_lora(own, {f"{stem}.lora_A.weight": a}, SETTINGS)
    pair = {"other.lora_A.weight": a, "other.lora_B.weight": a.T}
    with pytest.raises(
        ModelError, match="adapter of other is for a layer that the encoder has not"
    ):
        merge_lora(own, pair, SETTINGS)
    with pytest.raises(ModelError, match=r"\(40, 3\) by \(3, 40\), expected rank 4"):
        merge_lora(own, adapters, LoraSettings(rank=4))


def test_without_peft_training_says_what_to_install(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = PretrainedEncoder(str(tiny_encoder)).model
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match=r"package peft.*pip install 'tripack\[lora\]'"):
        add_lora(plain, SETTINGS, "tiny")
