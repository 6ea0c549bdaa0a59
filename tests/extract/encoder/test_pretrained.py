"""Encoders by folder and name: layers, shapes, limits, errors."""

from __future__ import annotations

import functools
import json
import operator
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from extract.encoder.pretrained import (
    PretrainedEncoder,
    load_tokenizer,
    resolve_encoder,
    tensor_hash,
)
from extract.errors import ModelError
from tests.tiny import write_other_encoder

BATCH, PIECES, HIDDEN = 2, 5, 40


@pytest.fixture
def pieces() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.randint(4, 50, (BATCH, PIECES), generator=torch.Generator().manual_seed(0))
    return ids, torch.ones_like(ids), torch.full_like(ids, 2)


def test_all_layers_come_out_embeddings_first(
    tiny_encoder: Path, pieces: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    encoder = PretrainedEncoder(str(tiny_encoder)).eval()
    states = encoder(*pieces)
    assert (len(states), encoder.n_layers, encoder.hidden, encoder.max_pieces) == (
        4,
        3,
        HIDDEN,
        192,
    )
    assert {tuple(s.shape) for s in states.layers} == {(BATCH, PIECES, HIDDEN)}
    direct = encoder.model(input_ids=pieces[0], attention_mask=pieces[1]).last_hidden_state
    torch.testing.assert_close(states.layers[-1], direct)


def test_states_say_which_pieces_are_padding(
    tiny_encoder: Path, pieces: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    ids, mask, shapes = pieces
    mask[1, 3:] = 0
    found = PretrainedEncoder(str(tiny_encoder)).eval()(ids, mask, shapes).mask
    assert found is not None
    assert found.dtype == torch.bool
    assert found.tolist() == [[True] * 5, [True] * 3 + [False] * 2]


def test_fewer_layers_are_the_first_ones(
    tiny_encoder: Path, pieces: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    whole = PretrainedEncoder(str(tiny_encoder)).eval()(*pieces)
    short = PretrainedEncoder(str(tiny_encoder), n_layers=2).eval()(*pieces)
    assert len(short) == 3
    for one, other in zip(short.layers, whole.layers, strict=False):
        torch.testing.assert_close(one, other)


def test_shapes_change_nothing_at_first_and_are_read_once_learnt(
    tiny_encoder: Path, pieces: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    plain = PretrainedEncoder(str(tiny_encoder)).eval()(*pieces).layers[-1]
    encoder = PretrainedEncoder(str(tiny_encoder), word_shapes=True).eval()
    torch.testing.assert_close(encoder(*pieces).layers[-1], plain)
    with torch.no_grad():
        assert encoder.shapes is not None
        encoder.shapes.weight[2, :5] += 1
    assert not torch.allclose(encoder(*pieces).layers[-1], plain)


def test_layer_parameters_hold_each_parameter_of_the_transformer_once(tiny_encoder: Path) -> None:
    encoder = PretrainedEncoder(str(tiny_encoder), word_shapes=True)
    groups = encoder.layer_parameters()
    assert len(groups) == 4
    assert any(p is encoder.word_embeddings for p in groups[0])
    assert sorted(map(id, functools.reduce(operator.iadd, groups, []))) == sorted(
        map(id, encoder.model.parameters())
    )
    assert len(groups[1]) == len(groups[2]) == len(groups[3])


def test_dropout_is_replaced(tiny_encoder: Path) -> None:
    encoder = PretrainedEncoder(str(tiny_encoder), dropout=0.37)
    rates = {m.p for m in encoder.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.37}


@pytest.mark.parametrize("kind", ["DistilBert", "ModernBert"])
def test_dropout_is_replaced_where_it_has_other_names(
    tiny_encoder: Path, tmp_path: Path, kind: str
) -> None:
    sizes = {
        "DistilBert": {"dim": 40, "hidden_dim": 80, "n_layers": 2, "n_heads": 4},
        "ModernBert": {"hidden_size": 40, "intermediate_size": 80, "num_hidden_layers": 2}
        | {"num_attention_heads": 4},
    }[kind]
    config = getattr(transformers, f"{kind}Config")(vocab_size=200, pad_token_id=0, **sizes)
    folder = str(write_other_encoder(tmp_path / kind, tiny_encoder, config))
    encoder = PretrainedEncoder(folder, dropout=0.37)
    rates = {m.p for m in encoder.modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.37}
    encoder = PretrainedEncoder(folder, dropout=0.0).train()
    inputs = torch.randint(5, 50, (1, 9)), torch.ones(1, 9), torch.zeros(1, 9, dtype=torch.long)
    first, second = (encoder(*inputs).layers[-1] for _ in range(2))
    assert torch.equal(first, second)


def test_dropout_of_unknown_names_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    config = transformers.XLNetConfig(vocab_size=200, d_model=40, n_layer=2, n_head=4, d_inner=80)
    folder = str(write_other_encoder(tmp_path / "xlnet", tiny_encoder, config))
    with pytest.raises(
        ModelError, match=r"type 'xlnet', whose dropout .*Leave encoder\.dropout out"
    ):
        PretrainedEncoder(folder, dropout=0.1)


@pytest.mark.parametrize("n_layers", [0, 4])
def test_layers_that_are_not_there_name_both_numbers(tiny_encoder: Path, n_layers: int) -> None:
    with pytest.raises(ModelError, match=rf"n_layers in 1\.\.3 for encoder .*, got {n_layers}\."):
        PretrainedEncoder(str(tiny_encoder), n_layers=n_layers)


def test_packaged_encoder_is_a_folder_with_weights() -> None:
    folder = Path(resolve_encoder("all-MiniLM-L6-v2"))
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"] == 384


def test_missing_paths_and_unfetched_encoder_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"no encoder at './nowhere'. Check the path."):
        resolve_encoder("./nowhere")
    with pytest.raises(ModelError, match="tripack models fetch-encoder all-mpnet-base-v2"):
        resolve_encoder("all-mpnet-base-v2")
    fetched = tmp_path / "tripack" / "encoders" / "all-mpnet-base-v2"
    fetched.mkdir(parents=True)
    assert resolve_encoder("all-mpnet-base-v2") == str(fetched)


def damaged(encoder: Path, within: Path, name: str, content: bytes | None) -> Path:
    """A copy of an encoder's folder in which a file holds something else, or is not there."""
    folder = Path(shutil.copytree(encoder, within / "damaged"))
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}garbage"])
def test_damaged_encoder_folder_is_a_model_error_of_one_line(
    tiny_encoder: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = damaged(tiny_encoder, tmp_path, name, content)
    with pytest.raises(ModelError) as caught:
        (load_tokenizer if name == "tokenizer.json" else PretrainedEncoder)(str(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_hash_tells_values_apart_and_ignores_layout() -> None:
    values = torch.arange(6, dtype=torch.float32).view(2, 3)
    assert tensor_hash(values) == tensor_hash(values.t().contiguous().t())
    assert tensor_hash(values) != tensor_hash(values + 1e-6)
