"""The text behind word states, and where words stand in its pieces."""

from __future__ import annotations

from pathlib import Path

import torch

from extract.encoder.fusion import build_fusion, fusion_config
from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.text import EncodedText, word_ends
from extract.encoder.windows import EncodedBatch


def test_word_ends_are_the_first_and_last_piece_of_each_word() -> None:
    of_piece = torch.tensor([[-1, 0, 0, 0, 1, 2, 2, -1], [-1, 0, 1, 1, -1, -1, -1, -1]])
    first, last = word_ends(of_piece, 3)
    assert first.tolist() == [[1, 4, 5], [1, 2, 0]]
    assert last.tolist() == [[3, 4, 6], [1, 3, 7]]  # the second text has no third word


def test_text_read_again_gives_the_states_of_each_task_behind_the_first_pieces(
    tiny_encoder: Path,
) -> None:
    encoder = PretrainedEncoder(str(tiny_encoder)).eval()
    fusion = build_fusion(fusion_config({}), encoder.n_layers, encoder.hidden)
    with torch.no_grad():
        fusion.weights.copy_(torch.randn(fusion.weights.shape))  # a mix of its own for each task
    ids = torch.randint(4, 50, (2, 7), generator=torch.Generator().manual_seed(0))
    mask, shapes = torch.ones_like(ids), torch.zeros_like(ids)
    text = EncodedText(encoder, fusion, EncodedBatch(ids, mask, ids, shapes, mask.bool()))
    fused = fusion(encoder(ids, mask, shapes))
    embedded, order = encoder.embed(ids, shapes), torch.arange(7).expand(2, -1)
    for task, expected in zip(("entities", "relations", "qualifiers"), fused, strict=True):
        read = text.read(embedded, mask, order, task=task, first=3)
        torch.testing.assert_close(read, expected[:, 3:])
