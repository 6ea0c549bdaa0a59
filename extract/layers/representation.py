"""The measures of `metrics`, averaged over the sentences of a corpus part, for every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from extract.layers.metrics import (
    curvature,
    info_nce,
    matrix_entropy,
    most_entropy,
    update_ratio,
)
from extract.layers.perturb import misspell
from extract.layers.studied import StudiedEncoder
from extract.structures import Sentence


@dataclass(frozen=True, slots=True)
class Representation:
    """What a layer's states are like; None where nothing defines a value.

    prompt_entropy: matrix entropy in nats of a sentence's pieces, the mean over sentences.
    prompt_entropy_share: the same as a share of the greatest it could be, in [0, 1].
    dataset_entropy: matrix entropy in nats of the sentences' mean states.
    dataset_entropy_share: the same as a share of the greatest it could be.
    curvature: mean turn in radians from piece to piece.
    info_nce: InfoNCE loss in nats between sentences and their misspelt copies.
    copy_cosine: mean cosine between a sentence's mean state and that of its misspelt copy.
    update_ratio: mean length of the layer's change of a piece's state, by the length of that state
        before; None for the embedding output.
    update_cosine: mean cosine of a piece's state before and after the layer.
    """

    prompt_entropy: float | None
    prompt_entropy_share: float | None
    dataset_entropy: float | None
    dataset_entropy_share: float | None
    curvature: float | None
    info_nce: float | None
    copy_cosine: float | None
    update_ratio: float | None
    update_cosine: float | None


def representations(
    studied: StudiedEncoder, sentences: Sequence[Sentence], seed: int
) -> list[Representation]:
    """The measures of each layer, the embedding output first.

    Only pieces of the sentence's own words count: no special tokens, no context. Of a sentence too
    long for one window, the first window stands for it.
    """
    read = _read(studied, sentences)
    copies = _read(studied, misspell(sentences, seed))
    hidden = studied.encoder.hidden
    return [
        _represent(at, read[at], copies[at], hidden, len(sentences))
        for at in range(studied.n_states)
    ]


@dataclass(slots=True)
class _Read:
    """One layer's values, collected over batches: by sentence, and by piece in the last two."""

    means: Tensor  # (sentences, hidden)
    entropy: list[Tensor]
    entropy_share: list[Tensor]
    curvature: list[Tensor]
    update_ratio: list[Tensor]
    update_cosine: list[Tensor]


def _read(studied: StudiedEncoder, sentences: Sequence[Sentence]) -> list[_Read]:
    hidden = studied.encoder.hidden
    layers = [
        _Read(torch.zeros(len(sentences), hidden), [], [], [], [], [])
        for _ in range(studied.n_states)
    ]
    windows = [w for w in studied.windower.windows(sentences) if w.start_word == 0]
    for chosen, batch, states in studied.passes(windows):
        own = batch.word_of_piece >= 0  # (batch, pieces)
        n_pieces = own.sum(dim=1)
        places = torch.tensor([w.sentence for w in chosen])
        for at, (layer, state) in enumerate(zip(layers, states.layers, strict=True)):
            rows = state * own.unsqueeze(-1)  # (batch, pieces, hidden)
            layer.means[places] = rows.sum(dim=1) / n_pieces.unsqueeze(-1)
            entropy = matrix_entropy(rows)
            layer.entropy.append(entropy)
            layer.entropy_share.append(entropy / most_entropy(n_pieces, hidden))
            layer.curvature.append(curvature(rows, own))
            if at:
                before, after = states.layers[at - 1][own], state[own]
                layer.update_ratio.append(update_ratio(before, after))
                layer.update_cosine.append(torch.cosine_similarity(before, after, dim=-1))
    return layers


def _represent(
    layer: int, read: _Read, copies: _Read, hidden: int, n_sentences: int
) -> Representation:
    dataset_entropy = matrix_entropy(read.means)
    most = most_entropy(torch.tensor(n_sentences), hidden)
    return Representation(
        prompt_entropy=_mean(read.entropy),
        prompt_entropy_share=_mean(read.entropy_share),
        dataset_entropy=float(dataset_entropy),
        dataset_entropy_share=float(dataset_entropy / most) if n_sentences > 1 else None,
        curvature=_mean(read.curvature),
        info_nce=float(info_nce(read.means, copies.means)) if n_sentences > 1 else None,
        copy_cosine=float(torch.cosine_similarity(read.means, copies.means, dim=-1).mean()),
        update_ratio=_mean(read.update_ratio) if layer else None,
        update_cosine=_mean(read.update_cosine) if layer else None,
    )


def _mean(batches: list[Tensor]) -> float | None:
    """The mean of all values that are numbers; None if none is."""
    mean = float(torch.cat(batches).double().nanmean())
    return None if mean != mean else mean
