"""How much each layer of an encoder changes what it reads, and which layers to keep by that.

Layers are counted from 1; state 0 is the embedding output, and layer l makes state l from state l - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from extract.errors import ModelError
from extract.layers.studied import StudiedEncoder
from extract.structures import Sentence

By = Literal["similarity", "block", "truncation"]


@dataclass(frozen=True, slots=True)
class Influence:
    """What was measured over `n_pieces` pieces of words.

    blocks: the block influence of each layer, from 0 (it turns no state) to 2.
    distances: of the states around each block of `n_removed` layers, from 0 to 1, the block that starts with
        layer 1 first.
    """

    blocks: tuple[float, ...]
    distances: tuple[float, ...]
    n_removed: int
    n_pieces: int


def influence(studied: StudiedEncoder, sentences: Sequence[Sentence], n_removed: int) -> Influence:
    """Measure an encoder's layers, and its blocks of `n_removed` layers, on sentences.

    Block influence of layer l: 1 - E[cos(x_{l-1}, x_l)].
    Men et al. 2024, ShortGPT: Layers in Large Language Models are More Redundant Than You Expect.
    Differs from the paper: pieces of words count, special tokens and context do not.

    Distance around the n layers from l on: E[arccos(cos(x_{l-1}, x_{l-1+n}))] / pi.
    Gromov et al. 2024, The Unreasonable Ineffectiveness of the Deeper Layers.
    Differs from the paper: the mean over all pieces of words, where it takes the last token of a text, which
    in a decoder alone has read the whole.

    Raises `ModelError` if there is no piece to measure on, or a state is no finite number.
    """
    n_layers = studied.encoder.n_layers
    cosines = torch.zeros(n_layers, dtype=torch.float64)
    angles = torch.zeros(n_layers - n_removed + 1, dtype=torch.float64)
    n_pieces = 0
    for _, batch, states in studied.passes(studied.windower.windows(sentences)):
        own = batch.word_of_piece >= 0
        unit = [
            torch.nn.functional.normalize(layer[own].double(), dim=-1) for layer in states.layers
        ]  # (pieces, hidden) each
        n_pieces += len(unit[0])
        for at in range(n_layers):
            cosines[at] += (unit[at] * unit[at + 1]).sum()
        for at in range(len(angles)):
            cosine = (unit[at] * unit[at + n_removed]).sum(dim=-1).clamp(-1.0, 1.0)
            angles[at] += cosine.arccos().sum() / math.pi
    if not n_pieces:
        raise ModelError("Expected sentences with words to measure layers on, got none.")
    return Influence(
        tuple((1.0 - cosines / n_pieces).tolist()),
        tuple((angles / n_pieces).tolist()),
        n_removed,
        n_pieces,
    )


def kept_layers(n_layers: int, n_kept: int, by: By, measured: Influence | None) -> tuple[int, ...]:
    """The layers to keep, ascending.

    truncation: the first ones. similarity: those of the highest block influence. block: all but the block of
    neighbouring layers whose removal joins the most similar states. Of equals the lower layers stay.

    Raises `ModelError` unless fewer layers are to stay than there are.
    """
    check_kept(n_layers, n_kept)
    if by == "truncation":
        return tuple(range(1, n_kept + 1))
    if measured is None:
        raise ModelError(f"Choosing layers by {by} needs sentences to measure them on.")
    if by == "similarity":
        order = sorted(range(n_layers), key=lambda at: -measured.blocks[at])
        return tuple(sorted(at + 1 for at in order[:n_kept]))
    least = min(measured.distances)
    start = max(at for at, distance in enumerate(measured.distances) if distance == least)
    removed = range(start + 1, start + 1 + measured.n_removed)
    return tuple(layer for layer in range(1, n_layers + 1) if layer not in removed)


def check_kept(n_layers: int, n_kept: int) -> None:
    """Raise `ModelError` unless fewer layers are to stay than there are."""
    if not 1 <= n_kept < n_layers:
        raise ModelError(
            f"Expected to keep 1 to {n_layers - 1} of the model's {n_layers} layers, got {n_kept}."
        )
