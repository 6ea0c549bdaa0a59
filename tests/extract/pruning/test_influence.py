"""Measures of layers against loops over pieces, and which layers stay by them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import corpora
from extract.errors import ModelError
from extract.layers.studied import load_studied
from extract.pruning.influence import Influence, influence, kept_layers
from extract.structures import Sentence


@pytest.fixture(scope="module")
def sentences(facts_file: Path) -> list[Sentence]:
    return [e.sentence for e in corpora.read("hyperred", facts_file)["file"]][:5]


def test_measures_are_means_over_the_pieces_of_words(
    tiny_model: Path, sentences: list[Sentence]
) -> None:
    studied = load_studied(str(tiny_model))
    found = influence(studied, sentences, 2)
    cosines: list[list[float]] = [[], [], []]
    angles: list[list[float]] = [[], []]
    n_pieces = 0
    for window in studied.windower.windows(sentences):
        batch = studied.windower.batch([window])
        with torch.inference_mode():
            states = studied.encoder(batch.piece_ids, batch.piece_mask, batch.shape_of_piece).layers
        for piece in range(1, len(window.piece_ids) - 1):  # without [CLS] and [SEP]
            n_pieces += 1

            def cosine(one: int, two: int, at: int = piece, of: object = states) -> float:
                return float(torch.cosine_similarity(of[one][0, at], of[two][0, at], dim=0))  # type: ignore[index]

            for layer in range(3):
                cosines[layer].append(cosine(layer, layer + 1))
            for first in range(2):
                angles[first].append(math.acos(min(1.0, cosine(first, first + 2))) / math.pi)
    assert found.n_pieces == n_pieces
    assert found.blocks == pytest.approx([1 - sum(c) / n_pieces for c in cosines], abs=1e-5)
    assert found.distances == pytest.approx([sum(a) / n_pieces for a in angles], abs=1e-5)


def test_layers_are_kept_by_what_was_measured() -> None:
    measured = Influence((0.3, 0.1, 0.2, 0.2, 0.5), (0.4, 0.2, 0.3, 0.5), 2, 10)
    assert kept_layers(5, 3, "truncation", None) == (1, 2, 3)
    assert kept_layers(5, 3, "similarity", measured) == (1, 3, 5)  # of 3 and 4, alike, the lower
    assert kept_layers(5, 3, "block", measured) == (1, 4, 5)
    even = Influence((0.1,) * 3, (0.2, 0.2), 2, 10)
    assert kept_layers(3, 1, "block", even) == (1,)


@pytest.mark.parametrize("n_kept", [0, 3])
def test_nothing_to_drop_and_nothing_left_are_refused(n_kept: int) -> None:
    with pytest.raises(ModelError, match=rf"keep 1 to 2 of the model's 3 layers, got {n_kept}\."):
        kept_layers(3, n_kept, "truncation", None)


def test_no_words_to_measure_on_are_refused(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="Expected sentences with words"):
        influence(load_studied(str(tiny_model)), [], 1)
