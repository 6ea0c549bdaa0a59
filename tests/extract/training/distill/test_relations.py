"""Relations of queries, keys and values: against a loop, zero for one's own, on words, refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig

from extract.encoder.pretrained import PretrainedEncoder
from extract.errors import RecipeError
from extract.model import ExtractionModel
from extract.models.folder import ModelFolder, read_model
from extract.training.distill.relations import RelationsLoss, log_relations, watching
from tests.extract.training.distill.lessons import lesson
from tests.tiny import write_other_encoder


@pytest.fixture
def model(tiny_model: Path) -> ExtractionModel:
    return read_model(ModelFolder(tiny_model))[0].eval()


def loss_of(
    student: ExtractionModel,
    teacher: ExtractionModel,
    corpus: Path,
    *,
    same_pieces: bool,
    n_heads: int = 4,
    layer: int | None = None,
) -> float:
    taught = lesson(student, teacher, corpus)
    loss = RelationsLoss(
        student.encoder, teacher.encoder, layer=layer, n_heads=n_heads, same_pieces=same_pieces
    )
    with watching(loss.of_student) as own, torch.no_grad():
        student.layer_states(taught.batch)
        mine = own.taken()
    with watching(loss.of_teacher) as told, torch.no_grad():
        teacher.layer_states(taught.teacher)
    assert all(torch.equal(a, b) for a, b in zip(own.taken(), mine, strict=True)) or (
        student is teacher
    )
    return float(loss(own, taught.batch, told, taught.teacher))


def test_relations_are_a_softmax_a_head_without_padding() -> None:
    torch.manual_seed(0)
    vectors, mask = torch.randn(2, 5, 6), torch.ones(2, 5, dtype=torch.bool)
    mask[1, 3:] = False
    found = log_relations(vectors, mask, 3).exp()
    assert found.shape == (2, 3, 5, 5)
    for row, n in ((0, 5), (1, 3)):
        for head in range(3):
            part = vectors[row, :n, 2 * head : 2 * head + 2]
            expected = (part @ part.T / 2**0.5).softmax(dim=-1)
            torch.testing.assert_close(found[row, head, :n, :n], expected)
    assert float(found[1, :, :3, 3:].max()) == 0.0


@pytest.mark.parametrize("same_pieces", [True, False])
def test_own_relations_are_learnt_already(
    model: ExtractionModel, facts_file: Path, same_pieces: bool
) -> None:
    assert loss_of(model, model, facts_file, same_pieces=same_pieces) == pytest.approx(0, abs=1e-6)
    assert loss_of(model, model, facts_file, same_pieces=same_pieces, layer=1) > 1e-3


def test_a_wider_teacher_of_another_kind_is_compared(
    model: ExtractionModel, tiny_encoder: Path, tiny_mpnet: Path, facts_file: Path, tmp_path: Path
) -> None:
    from extract.model import EncoderConfig

    config = BertConfig(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=60,
        max_position_embeddings=192,
    )
    wide = write_other_encoder(tmp_path / "wide", tiny_encoder, config)
    for encoder, same in ((wide, True), (tiny_mpnet, False)):
        settings = model.settings.model_copy(update={"encoder": EncoderConfig(name=str(encoder))})
        teacher = ExtractionModel(settings, model.schema).eval()
        assert loss_of(model, teacher, facts_file, same_pieces=same) > 0
    with pytest.raises(RecipeError, match=r"relation_heads that divides the width 40 .* got 3"):
        loss_of(model, model, facts_file, same_pieces=True, n_heads=3)
    with pytest.raises(RecipeError, match=r"layer in 1\.\.3 for distill\.relations, got 7"):
        loss_of(model, model, facts_file, same_pieces=True, layer=7)


def test_encoder_without_such_projections_is_refused(tiny_encoder: Path) -> None:
    encoder = PretrainedEncoder(str(tiny_encoder))
    for layer in encoder.model.encoder.layer:
        del layer.attention.self.value
    with pytest.raises(RecipeError, match=r"projections to queries, keys and values, got .*'bert'"):
        RelationsLoss(encoder, encoder, layer=None, n_heads=4, same_pieces=True)
