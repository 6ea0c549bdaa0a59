"""Features of the cells of a word-pair table that are known and not learned: types, distance, shapes.

Wang et al. 2024, A Two Dimensional Feature Engineering Method for Relation Extraction.
Differs from the paper: types are not gold but what the head's own span scores say of each word; features
belong to words, not to given entities, and are added as vectors, so that a pair's type and shape features
meet in the layers above and not in listed combinations; the distance stands for the order of the
entities; parts of speech, entity subtypes and head nouns are left out, since sentences do not carry them;
there is no attention from entities to features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from extract.encoder.shapes import SHAPES
from extract.encoder.text import EncodedText, word_ends

_BINS = (1, 2, 3, 4, 5, 8, 16, 32)  # the least distance of each bin above that of the word itself
N_DISTANCES = 2 * len(_BINS) + 1
_SCALE = 0.1  # of fresh feature vectors: several are added to a word pair's own state


class TableFeatures(nn.Module):
    """A vector for each cell: those of its row word, of its column word and of their distance.

    Args:
        n_entity_types: entity types of the schema.
        channels: width of the vectors.
    """

    def __init__(self, n_entity_types: int, channels: int) -> None:
        super().__init__()
        self.row_types = nn.Linear(n_entity_types, channels, bias=False)
        self.column_types = nn.Linear(n_entity_types, channels, bias=False)
        self.row_shapes = nn.Embedding(len(SHAPES), channels)
        self.column_shapes = nn.Embedding(len(SHAPES), channels)
        self.distances = nn.Embedding(N_DISTANCES, channels)
        for vectors in (self.row_shapes, self.column_shapes, self.distances):
            nn.init.normal_(vectors.weight, std=_SCALE)

    def forward(self, types: Tensor, shapes: Tensor) -> Tensor:
        """Vectors (batch, words, words, channels).

        Args:
            types: (batch, words, entity_types), evidence in [0, 1] that the word stands in such an entity.
            shapes: (batch, words), places in `SHAPES`.
        """
        rows = self.row_types(types) + self.row_shapes(shapes)  # (batch, words, channels)
        columns = self.column_types(types) + self.column_shapes(shapes)
        distances = self.distances(binned_distances(types.shape[1], types.device))
        cells: Tensor = rows.unsqueeze(2) + columns.unsqueeze(1) + distances
        return cells


def binned_distances(n_words: int, device: torch.device) -> Tensor:
    """How far and on which side the column's word stands from the row's: (words, words) of bins.

    Distances 0, 1, 2, 3, 4, 5-7, 8-15, 16-31 and 32 or more, the last eight on either side: the bin in
    the middle is the word itself, those below it are of words before, those above it of words after.
    """
    words = torch.arange(n_words, device=device)
    distance = words.view(1, -1) - words.view(-1, 1)
    edges = torch.tensor(_BINS, device=device)
    return len(_BINS) + distance.sign() * torch.bucketize(distance.abs(), edges, right=True)


def shapes_of_words(text: EncodedText, n_words: int) -> Tensor:
    """The shape of each word, (batch, words), places in `SHAPES`; any for padding."""
    first, _ = word_ends(text.batch.word_of_piece, n_words)
    return text.batch.shape_of_piece.gather(1, first)
