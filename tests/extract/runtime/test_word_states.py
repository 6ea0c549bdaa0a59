"""What is exported: word states as the network makes them, with padding read or skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract import load
from extract.encoder.fusion import FUSIONS, build_fusion, fusion_config
from extract.encoder.windows import EncodedBatch
from extract.model import ExtractionModel
from extract.predict import Predictor
from extract.runtime import export, graph
from extract.runtime.export import export_onnx
from extract.runtime.word_states import (
    INPUTS,
    PADDED_INPUTS,
    PaddedStates,
    RowStates,
    graph_inputs,
    skips_padding,
)
from tests.extract.cases import sentence_of

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    predictor = load(tiny_model, device="cpu", dtype="float32")._predictor
    assert isinstance(predictor, Predictor)
    return predictor


def batch_of(predictor: Predictor, lengths: list[int]) -> EncodedBatch:
    """Windows of as many words, which differ in their number of pieces as well."""
    words = ["Oslo", "internationalisation", "in", "1967", "Harvard"]
    sentences = [sentence_of(" ".join(words[at % 5] for at in range(n))) for n in lengths]
    return predictor.windower.batch(predictor.windower.windows(sentences))


@given(LENGTHS)
def test_rows_of_real_pieces_give_what_the_network_gives(
    predictor: Predictor, lengths: list[int]
) -> None:
    batch = batch_of(predictor, lengths)
    model = predictor.model
    with torch.no_grad():
        expected = model.word_states(batch)
        for network, names in ((RowStates(model), INPUTS), (PaddedStates(model), PADDED_INPUTS)):
            found = network(*graph_inputs(batch)[: len(names)])
            for own, theirs in zip(
                found, (expected.entities, expected.relations, expected.qualifiers), strict=True
            ):
                torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-5)


def test_padding_is_no_part_of_products_with_weights(predictor: Predictor) -> None:
    batch = batch_of(predictor, [30, 2, 3])
    rows: list[int] = []
    layers = predictor.model.encoder.model.encoder.modules()
    linear = [m for m in layers if isinstance(m, torch.nn.Linear)]
    hooks = [
        m.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[:-1].numel()))
        for m in linear
    ]
    with torch.no_grad():
        RowStates(predictor.model)(*graph_inputs(batch))
    for hook in hooks:
        hook.remove()
    n_real = int(batch.piece_mask.sum())
    assert n_real < batch.piece_mask.numel()
    assert rows == [n_real] * len(linear) and linear


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_padding_is_skipped_under_every_fusion_of_pieces(predictor: Predictor, name: str) -> None:
    encoder = predictor.model.encoder
    settings = predictor.model.settings
    model = ExtractionModel(
        settings.model_copy(update={"fusion": fusion_config({"name": name})}),
        predictor.model.schema,
    ).eval()
    model.encoder = encoder
    model.fusion = build_fusion(model.settings.fusion, encoder.n_layers, encoder.hidden).eval()
    assert skips_padding(model) == model.fusion.by_piece
    if not model.fusion.by_piece:
        return
    batch = batch_of(predictor, [7, 20, 1])
    with torch.no_grad():
        expected, found = model.word_states(batch), RowStates(model)(*graph_inputs(batch))
    torch.testing.assert_close(found[1], expected.relations, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[2], expected.qualifiers, atol=1e-5, rtol=1e-5)


def test_rows_of_pieces_are_their_places_among_real_ones(predictor: Predictor) -> None:
    batch = batch_of(predictor, [3, 1])
    named = dict(zip(INPUTS, graph_inputs(batch), strict=True))
    real = batch.piece_mask.bool()
    n_real = int(real.sum())
    assert named["row_of_piece"][real].tolist() == list(range(n_real))
    assert real.flatten().nonzero().squeeze(1).tolist() == named["real_pieces"].tolist()
    assert int(named["row_of_piece"].min()) == 0 and int(named["row_of_piece"].max()) == n_real - 1


def test_exports_that_read_padding_say_the_same(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of other encoders than BERT do; 8-bit ones pass the gate."""
    export_onnx(tiny_model, tmp_path / "rows")
    for module in (export, graph):
        monkeypatch.setattr(module, "skips_padding", lambda model: False)
    export_onnx(tiny_model, tmp_path / "padded")
    export_onnx(tiny_model, tmp_path / "padded-int8", "int8")
    texts = [sentence_of("Leonard Parker received his PhD in 1967 ."), sentence_of("In Oslo")]
    costs, found = [], []
    for name in ("rows", "padded"):
        reader = load(tmp_path / name, runtime="onnx")._predictor
        assert isinstance(reader, Predictor)
        costs.append(reader._batch_cost)
        found.append(reader.candidates(texts))
    assert costs[0] > costs[1]
    for one, other in zip(*found, strict=True):
        assert one.spans.tolist() == other.spans.tolist() and len(one.spans)
        assert abs(one.entity_scores - other.entity_scores).max() < 1e-4
