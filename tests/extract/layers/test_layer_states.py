"""Word states and probe features, against the encoder itself and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from extract.encoder.pooling import pool_words
from extract.encoder.windows import Windower
from extract.errors import ModelError
from extract.layers.representation import representations
from extract.layers.states import pair_features, span_means, word_states
from extract.layers.studied import StudiedEncoder, load_studied
from extract.structures import Sentence
from tests.extract.cases import sentence_of

SENTENCES = [
    sentence_of("Leonard Parker received his PhD"),
    Sentence(()),
    sentence_of("Maria"),
    sentence_of("Maria Keller studied chemistry at the University of Basel"),
]


@pytest.fixture(scope="module")
def studied(tiny_encoder: Path) -> StudiedEncoder:
    return load_studied(str(tiny_encoder))


def alone(studied: StudiedEncoder, sentence: Sentence) -> list[torch.Tensor]:
    """The word states of one sentence by layer, read on its own: each (words, hidden)."""
    batch = studied.windower.batch(studied.windower.windows([sentence]))
    with torch.inference_mode():
        layers = studied.encoder(batch.piece_ids, batch.piece_mask, batch.shape_of_piece).layers
    return [pool_words(layer, batch.word_of_piece, len(sentence))[0] for layer in layers]


def test_word_states_are_those_of_each_sentence_read_alone(studied: StudiedEncoder) -> None:
    table = word_states(studied, SENTENCES)
    assert table.states.shape == (4, 15, 40)
    assert table.starts.tolist() == [0, 5, 5, 6, 15]
    for number, sentence in enumerate(SENTENCES):
        if not len(sentence):
            continue
        rows = table.states[:, table.starts[number] : table.starts[number + 1]]
        for found, expected in zip(rows, alone(studied, sentence), strict=True):
            np.testing.assert_allclose(found, expected, atol=2e-3)  # half precision


def test_words_of_a_long_sentence_come_from_the_first_window_that_holds_them(
    studied: StudiedEncoder, tiny_encoder: Path
) -> None:
    from extract.encoder.pretrained import load_tokenizer

    narrow = Windower(load_tokenizer(str(tiny_encoder)), max_pieces=192, max_words=8)
    split = StudiedEncoder("tiny", studied.encoder, narrow)
    long = sentence_of("Maria Keller studied chemistry at the University of Basel from 1988")
    table = word_states(split, [long])
    assert len(narrow.windows([long])) == 2  # words 0-8 and 4-11
    parts = [
        sentence_of(" ".join(long.words[:8])),
        sentence_of(" ".join(long.words[4:])),
    ]
    expected = [
        torch.cat([a, b[4:]]) for a, b in zip(*(alone(split, part) for part in parts), strict=True)
    ]
    np.testing.assert_allclose(table.states, torch.stack(expected), atol=2e-3)


def test_states_that_are_no_numbers_are_refused(tiny_encoder: Path) -> None:
    broken = load_studied(str(tiny_encoder))
    with torch.no_grad():
        next(broken.encoder.model.encoder.layer[1].parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match=r"Layer 2 of .* no finite numbers"):
        word_states(broken, SENTENCES)


def test_trained_model_is_read_as_trained(tiny_model: Path, tiny_encoder: Path) -> None:
    trained, bare = load_studied(str(tiny_model)), load_studied(str(tiny_encoder))
    assert trained.trained is not None and trained.trained.startswith("tiny ")
    assert bare.trained is None
    states = [word_states(s, SENTENCES).states for s in (trained, bare)]
    assert states[0].shape == states[1].shape
    assert float(np.abs(states[0] - states[1]).max()) > 0.1


def test_span_means_and_pair_features_by_hand() -> None:
    words = np.array([[1, 10], [3, 20], [5, 60], [7, 80]], np.float32)
    means = span_means(words, np.array([[0, 1], [1, 4], [0, 2]]))
    assert means.tolist() == [[1, 10], [5, pytest.approx(160 / 3)], [2, 15]]
    assert pair_features(means, np.array([[0, 2], [2, 0]])).tolist() == [
        [1, 10, 2, 15, 2, 150],
        [2, 15, 1, 10, 2, 150],
    ]


def test_representations_of_each_layer_are_in_their_ranges(studied: StudiedEncoder) -> None:
    found = representations(studied, [s for s in SENTENCES if len(s)], seed=1)
    assert len(found) == 4
    assert found[0].update_ratio is None and found[0].update_cosine is None
    for layer in found:
        for share in (layer.prompt_entropy_share, layer.dataset_entropy_share):
            assert share is not None and 0 < share <= 1
        assert layer.curvature is not None and 0 < layer.curvature < np.pi
        assert layer.info_nce is not None and layer.info_nce >= 0
        assert layer.copy_cosine is not None and 0 < layer.copy_cosine < 1
    assert all(layer.update_ratio and layer.update_ratio > 0 for layer in found[1:])


def test_representation_of_one_word_has_no_turn_and_no_other_sentence(
    studied: StudiedEncoder,
) -> None:
    for layer in representations(studied, [sentence_of("the")], seed=1):
        assert layer.prompt_entropy == pytest.approx(0, abs=1e-6)
        assert layer.curvature is None and layer.info_nce is None
        assert layer.prompt_entropy_share is None and layer.dataset_entropy_share is None
