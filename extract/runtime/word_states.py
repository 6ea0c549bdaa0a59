"""What is exported: encoder, fusion and word pooling, from pieces to the word states of each task.

The head stays in PyTorch. What it does depends on what it finds (the likeliest spans, their pairs, the
triples that get values), and the rows of that are few; as a graph of fixed steps it would score padding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from extract.encoder.pooling import pool_words
from extract.encoder.pretrained import LayerStates
from extract.encoder.windows import EncodedBatch
from extract.model import ExtractionModel

ROW_OF_PIECE = "row_of_piece"
PADDED_INPUTS = ("piece_ids", "piece_mask", "piece_shapes", "word_of_piece", "word_mask")
INPUTS = (*PADDED_INPUTS, "real_pieces", ROW_OF_PIECE)  # the last two where padding is skipped


def graph_inputs(batch: EncodedBatch) -> tuple[Tensor, ...]:
    """A batch's tensors in the order of `INPUTS`.

    All are (batch, pieces), but for `word_mask` (batch, words) and `real_pieces` (real pieces,): where in
    the flattened batch those stand that are no padding. `row_of_piece` is each piece's place in that; the
    last one before it for padding.
    """
    real = batch.piece_mask.flatten()
    rows = (real.cumsum(0) - 1).clamp(min=0).unflatten(0, batch.piece_mask.shape)
    return (
        batch.piece_ids,
        batch.piece_mask,
        batch.shape_of_piece,
        batch.word_of_piece,
        batch.word_mask,
        real.nonzero().squeeze(1),
        rows,
    )


def skips_padding(model: ExtractionModel) -> bool:
    """Whether `RowStates` can do what a model's encoder and fusion do."""
    return model.encoder.skips_padding and model.fusion.by_piece


class _Network(nn.Module):
    """The parts of a model that make word states."""

    def __init__(self, model: ExtractionModel) -> None:
        super().__init__()
        self.encoder, self.fusion = model.encoder, model.fusion


class PaddedStates(_Network):
    """Pieces in, word states of each task out; what `ExtractionModel.word_states` computes."""

    def forward(
        self,
        piece_ids: Tensor,
        piece_mask: Tensor,
        piece_shapes: Tensor,
        word_of_piece: Tensor,
        word_mask: Tensor,
    ) -> tuple[Tensor, ...]:
        """States (batch, words, hidden), of the tensors that `PADDED_INPUTS` names."""
        fused = self.fusion(self.encoder(piece_ids, piece_mask, piece_shapes))
        n_words = word_mask.shape[1]
        return tuple(pool_words(states, word_of_piece, n_words) for states in fused)


class RowStates(_Network):
    """The same for a plain BERT and a fusion of each piece by itself, computed for the real pieces alone.

    Only attention and pooling see padding: as in `extract.encoder.unpadded`, whose sources are named
    there, but what a graph does is the same whether there is any. Heads are told apart by the step that
    pads, so that it takes the place of a transposition.
    """

    def forward(
        self,
        piece_ids: Tensor,
        piece_mask: Tensor,
        piece_shapes: Tensor,
        word_of_piece: Tensor,
        word_mask: Tensor,
        real_pieces: Tensor,
        row_of_piece: Tensor,
    ) -> tuple[Tensor, ...]:
        """States (batch, words, hidden), of the tensors that `INPUTS` names."""
        layers = self._layers(piece_ids, piece_mask, piece_shapes, real_pieces, row_of_piece)
        n_words = word_mask.shape[1]
        return tuple(
            pool_words(embedding(row_of_piece, states[0]), word_of_piece, n_words)
            for states in self.fusion(LayerStates(layers))
        )

    def _layers(
        self, ids: Tensor, mask: Tensor, shapes: Tensor, real: Tensor, rows: Tensor
    ) -> tuple[Tensor, ...]:
        """States of all layers, (1, real pieces, hidden): products of matrices are exported as those of
        stacks of matrices are."""
        bert = self.encoder.model
        n_windows, n_pieces = ids.shape
        windows = torch.arange(n_windows, device=ids.device)[:, None]
        pieces = torch.arange(n_pieces, device=ids.device)[None]
        id_, shape, window, piece = (
            tensor.expand(n_windows, n_pieces).flatten().index_select(0, real)
            for tensor in (ids, shapes, windows, pieces)
        )
        embedded = self.encoder.embed(id_[None], shape[None])
        states = [bert.embeddings(inputs_embeds=embedded, position_ids=piece[None])]
        n_heads = bert.config.num_attention_heads
        head = torch.arange(n_heads, device=ids.device)
        # Where a head's part of a piece stands: among those of real pieces, and among those of the batch.
        place = rows[:, None] * n_heads + head[:, None]  # (batch, heads, pieces)
        back = (window[:, None] * n_heads + head) * n_pieces + piece[:, None]  # (real, heads)
        unseen = (1.0 - mask.float())[:, None, None] * torch.finfo(torch.float32).min
        for layer in bert.encoder.layer:
            own = layer.attention.self
            size = own.query.out_features // n_heads
            query, key, value = (
                embedding(place, part(states[-1]).reshape(-1, size))  # (batch, heads, pieces, size)
                for part in (own.query, own.key, own.value)
            )
            scores = query @ key.transpose(-1, -2) / math.sqrt(size) + unseen
            found = embedding(back, (scores.softmax(dim=-1) @ value).reshape(-1, size))
            attended = layer.attention.output(found.flatten(1)[None], states[-1])
            states.append(layer.feed_forward_chunk(attended))
        return tuple(states)
