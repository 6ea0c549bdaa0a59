"""BERT that is only read: transformers' states from the same files, and nothing else taken for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from extract.encoder.bert import Bert, plain_bert
from extract.encoder.lora import LoraSettings
from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import ModelError
from tests.extract.encoder.test_pretrained import damaged
from tests.extract.encoder.test_unpadded import LENGTHS, batch

MINILM = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def pair(tiny_encoder: Path) -> tuple[PretrainedEncoder, PretrainedEncoder]:
    """The tiny encoder as it is read, and as it is trained."""
    read = PretrainedEncoder(str(tiny_encoder), trainable=False).eval()
    assert isinstance(read.model, Bert)
    return read, PretrainedEncoder(str(tiny_encoder)).eval()


def equal(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs)
    for own, other in zip(ours.layers, theirs.layers, strict=True):
        torch.testing.assert_close(own, other, atol=1e-6, rtol=1e-5)


@given(LENGTHS)
def test_extraction_reads_the_same_states(
    pair: tuple[PretrainedEncoder, PretrainedEncoder], lengths: list[int]
) -> None:
    inputs = batch(lengths)
    with torch.inference_mode():
        ours, theirs = (encoder(*inputs) for encoder in pair)
    assert all(torch.equal(a, b) for a, b in zip(ours.layers, theirs.layers, strict=True))


@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_markers_read_the_same_states(
    pair: tuple[PretrainedEncoder, PretrainedEncoder], seed: int, own_masks: bool, places: bool
) -> None:
    draw = torch.Generator().manual_seed(seed)
    embedded = torch.randn(2, 9, 40, generator=draw)
    mask = torch.rand(2, 9, 9, generator=draw) < 0.6
    mask |= torch.eye(9, dtype=torch.bool)  # a query has a key
    if not own_masks:
        mask = torch.arange(9) < torch.tensor([[9], [4]])
    positions = torch.randint(0, 190, (2, 9), generator=draw) if places else None
    with torch.no_grad():
        equal(*(encoder.encode(embedded, mask, positions) for encoder in pair))


@pytest.mark.parametrize(
    "settings", [{"n_layers": 2}, {"layers": (1, 3)}, {"word_shapes": True}, {"dropout": 0.4}]
)
def test_settings_of_layers_and_shapes_are_obeyed(
    tiny_encoder: Path, settings: dict[str, Any]
) -> None:
    read = PretrainedEncoder(str(tiny_encoder), trainable=False, **settings).eval()
    trained = PretrainedEncoder(str(tiny_encoder), **settings).eval()
    assert isinstance(read.model, Bert)
    assert (read.n_layers, read.hidden, read.kept) == (trained.n_layers, 40, trained.kept)
    assert read.max_pieces == trained.max_pieces == 192
    assert list(read.state_dict()) == list(trained.state_dict())
    assert len(read.layer_parameters()) == len(trained.layer_parameters())
    with torch.inference_mode():
        equal(read(*batch([7, 3])), trained(*batch([7, 3])))


def test_the_packaged_encoder_is_read_bit_by_bit() -> None:
    read = PretrainedEncoder(MINILM, trainable=False).eval()
    assert isinstance(read.model, Bert)
    ours, theirs = read.state_dict(), PretrainedEncoder(MINILM).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not any(parameter.requires_grad for parameter in read.parameters())


def altered(folder: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text(encoding="utf-8"))
    change(config)
    (to / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return to


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_type", "roberta"),
        ("hidden_act", "gelu_new"),
        ("is_decoder", True),
        ("position_embedding_type", "relative_key"),
        ("intermediate_size", 81),
        ("hidden_size", "forty"),
        ("num_attention_heads", 0),
        ("num_hidden_layers", 4),
    ],
)
def test_another_network_is_not_taken_for_it(
    tiny_encoder: Path, tmp_path: Path, name: str, value: object
) -> None:
    assert plain_bert(str(tiny_encoder)) is not None
    folder = altered(tiny_encoder, tmp_path / "other", lambda config: config.update({name: value}))
    assert plain_bert(str(folder)) is None


def test_settings_left_out_are_transformers_defaults(tiny_encoder: Path, tmp_path: Path) -> None:
    names = ("hidden_act", "layer_norm_eps", "type_vocab_size", "pad_token_id", "is_decoder")

    def without(config: dict[str, Any]) -> None:
        for name in names:
            del config[name]

    folder = altered(tiny_encoder, tmp_path / "short", without)
    assert plain_bert(str(folder)) == plain_bert(str(tiny_encoder))


def test_a_bert_stored_within_another_network_is_found(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "within"))
    stored = load_file(folder / "model.safetensors")
    inside = {f"bert.{name}": value.half() for name, value in stored.items()}
    save_file(inside | {"cls.bias": torch.ones(2)}, folder / "model.safetensors", {"format": "pt"})
    read = PretrainedEncoder(str(folder), trainable=False)
    assert isinstance(read.model, Bert)
    for name, value in PretrainedEncoder(str(folder)).state_dict().items():
        assert torch.equal(read.state_dict()[name], value)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}garbage", b"[]"])
def test_damaged_files_are_refused_as_ever(
    tiny_encoder: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = damaged(tiny_encoder, tmp_path, name, content)
    assert plain_bert(str(folder)) is None
    with pytest.raises(ModelError, match="Cannot load encoder"):
        PretrainedEncoder(str(folder), trainable=False)


def test_adapters_and_other_types_are_transformers_own(
    tiny_encoder: Path, tiny_mpnet: Path
) -> None:
    adapted = PretrainedEncoder(str(tiny_encoder), lora=LoraSettings(rank=2), trainable=False)
    assert not isinstance(adapted.model, Bert)
    assert not isinstance(PretrainedEncoder(str(tiny_mpnet), trainable=False).model, Bert)
