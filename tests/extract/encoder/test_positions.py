"""Encoders given embeddings, masks and positions from outside, whatever their type."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ErnieConfig,
    MPNetConfig,
    RobertaConfig,
)

from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import ModelError
from tests.tiny import write_other_encoder

SIZES: dict[str, Any] = {
    "hidden_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 80,
    "max_position_embeddings": 60,
}
CONFIGS = {
    "albert": lambda: AlbertConfig(embedding_size=16, **SIZES),
    "bert": lambda: BertConfig(**SIZES),
    "distilbert": lambda: DistilBertConfig(
        dim=40, n_layers=2, n_heads=4, hidden_dim=80, max_position_embeddings=60
    ),
    "electra": lambda: ElectraConfig(embedding_size=16, **SIZES),
    "ernie": lambda: ErnieConfig(**SIZES),
    "mpnet": lambda: MPNetConfig(**SIZES),
    "roberta": lambda: RobertaConfig(**SIZES),
}
BATCH, PIECES = 2, 7
EVERY_TYPE = pytest.mark.parametrize("kind", sorted(CONFIGS))


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Any:
    folder, made = tmp_path_factory.mktemp("types"), {}

    def encoder(kind: str) -> PretrainedEncoder:
        if kind not in made:
            path = write_other_encoder(folder / kind, tiny_encoder, CONFIGS[kind]())
            made[kind] = PretrainedEncoder(str(path)).eval()
        return made[kind]

    return encoder


@pytest.fixture
def pieces() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.randint(4, 50, (BATCH, PIECES), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return ids, mask, torch.zeros_like(ids)


@EVERY_TYPE
def test_own_order_as_positions_changes_nothing(kind: str, encoders: Any, pieces: Any) -> None:
    encoder, (ids, mask, shapes) = encoders(kind), pieces
    plain = encoder(*pieces).layers
    embedded = encoder.embed(ids, shapes)
    order = torch.arange(PIECES).expand(BATCH, -1)
    full = mask.bool().unsqueeze(1).expand(-1, PIECES, -1)
    for given in (
        encoder.encode(embedded, mask),
        encoder.encode(embedded, mask, order),
        encoder.encode(embedded, full),
        encoder.encode(embedded, full, order),
    ):
        assert len(given) == len(plain)
        for one, other in zip(given.layers, plain, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@EVERY_TYPE
def test_pieces_are_known_by_position_and_not_by_place(
    kind: str, encoders: Any, pieces: Any
) -> None:
    encoder, (ids, _, shapes) = encoders(kind), pieces
    embedded = encoder.embed(ids, shapes)
    # Pieces 2 and 5 share a position, so that even their order cannot be told.
    positions = torch.tensor([0, 1, 2, 3, 4, 2, 6]).expand(BATCH, -1)
    full = torch.rand(BATCH, PIECES, PIECES, generator=torch.Generator().manual_seed(1)) < 0.6
    full |= torch.eye(PIECES, dtype=torch.bool)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    plain = encoder.encode(embedded, full, positions).layers
    moved = encoder.encode(
        embedded[:, order], full[:, order][:, :, order], positions[:, order]
    ).layers
    for one, other in zip(moved, plain, strict=True):
        torch.testing.assert_close(one, other[:, order], atol=1e-5, rtol=1e-5)
    elsewhere = encoder.encode(embedded, full, positions + 1).layers[-1]
    assert not torch.allclose(elsewhere, plain[-1], atol=1e-3)


@EVERY_TYPE
@pytest.mark.parametrize("bf16", [False, True])
def test_piece_reads_what_its_row_of_the_mask_allows_and_nothing_else(
    kind: str, bf16: bool, encoders: Any, pieces: Any
) -> None:
    encoder, (ids, _, shapes) = encoders(kind), pieces
    full = torch.eye(PIECES, dtype=torch.bool).repeat(BATCH, 1, 1)
    full[:, 2, [0, 4]] = True
    positions = torch.arange(PIECES).expand(BATCH, -1)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        before = encoder.encode(encoder.embed(ids, shapes), full, positions).layers[-1]
        for changed in range(PIECES):
            other = ids.clone()
            other[:, changed] = 51
            after = encoder.encode(encoder.embed(other, shapes), full, positions).layers[-1]
            assert bool(after.isfinite().all())
            same = (after == before).all(dim=-1).all(dim=0).tolist()
            reads = [bool(row[changed]) for row in full[0]]
            assert same == [not r for r in reads], changed


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_eager_attention_reads_the_mask_alike(
    kind: str, encoders: Any, tiny_encoder: Path, tmp_path: Path, pieces: Any
) -> None:
    ids, _, shapes = pieces
    encoder = encoders(kind)
    eager = PretrainedEncoder(
        str(write_other_encoder(tmp_path / kind, tiny_encoder, CONFIGS[kind]()))
    ).eval()
    eager.model.set_attn_implementation("eager")
    assert encoder.model.config._attn_implementation == "sdpa"
    full = torch.ones(BATCH, PIECES, PIECES).tril().bool()
    found = [
        e.encode(e.embed(ids, shapes), full, torch.arange(PIECES).expand(BATCH, -1)).layers[-1]
        for e in (encoder, eager)
    ]
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-5)


def test_encoder_of_relative_positions_says_that_it_takes_none(
    tiny_encoder: Path, tmp_path: Path, pieces: Any
) -> None:
    config = DebertaV2Config(relative_attention=True, position_biased_input=False, **SIZES)
    path = write_other_encoder(tmp_path / "deberta", tiny_encoder, config)
    encoder, (ids, mask, shapes) = PretrainedEncoder(str(path)), pieces
    assert not encoder.takes_positions
    with pytest.raises(
        ModelError, match=r"'deberta-v2', which takes no positions .*: albert, bert"
    ):
        encoder.encode(encoder.embed(ids, shapes), mask, mask)


def test_mask_embedding_is_that_of_the_mask_token_or_the_mean(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    encoder = PretrainedEncoder(str(tiny_encoder))
    torch.testing.assert_close(encoder.mask_embedding(), encoder.word_embeddings.mean(dim=0))
    path = Path(shutil.copytree(tiny_encoder, tmp_path / "masked"))
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.mask_token = tokenizer.convert_ids_to_tokens(9)
    tokenizer.save_pretrained(path)
    encoder = PretrainedEncoder(str(path))
    assert torch.equal(encoder.mask_embedding(), encoder.word_embeddings[9])
