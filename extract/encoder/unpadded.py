"""BERT over the real pieces of a batch alone: what is padded is attention, and nothing else.

Zeng et al. 2022, Boosting Distributed Training Performance of the Unpadded BERT Model; Warner et al. 2024,
Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder for Fast, Memory Efficient, and Long Context
Finetuning and Inference. Differs from the papers: queries, keys and values are padded for the
products of two states, which on a CPU cost a small part of those with weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def bert_states(model: Any, embedded: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
    """States of all layers, the embedding output first, each (batch, pieces, hidden).

    The states of padding are those of some piece.

    Args:
        model: transformers' `BertModel` in evaluation mode, whose attention is "sdpa", or our `Bert`.
        embedded: (batch, pieces, embedding), without positions.
        mask: (batch, pieces), true for real pieces, of which there is one at least.
    """
    hidden = model.embeddings(inputs_embeds=embedded)
    rows = _Rows(mask)
    flat = rows.taken(hidden)
    states = [rows.padded(flat)]
    for layer in model.encoder.layer:
        own = layer.attention.self
        read = torch.cat([own.query(flat), own.key(flat), own.value(flat)], dim=-1)
        heads = rows.padded(read).unflatten(-1, (3, own.num_attention_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (batch, heads, pieces, size)
        found = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=rows.keys, scale=own.scaling
        )
        attended = layer.attention.output(rows.taken(found.transpose(1, 2).flatten(2)), flat)
        flat = layer.feed_forward_chunk(attended)
        states.append(rows.padded(flat))
    return tuple(states)


class _Rows:
    """From the batch to rows of its real pieces, and back; nothing is moved where all are real."""

    def __init__(self, mask: Tensor) -> None:
        self._shape = mask.shape
        self._real = mask.flatten().nonzero().squeeze(1)
        self._whole = len(self._real) == mask.numel()
        # For each piece of the batch a row: that of the last real piece so far.
        self._places = (mask.flatten().cumsum(0) - 1).clamp(min=0)
        # (batch, 1, 1, pieces): what is attended to.
        self.keys = None if self._whole else mask[:, None, None]

    def taken(self, padded: Tensor) -> Tensor:
        """(batch, pieces, size) to (real pieces, size)."""
        flat = padded.flatten(0, 1)
        return flat if self._whole else flat.index_select(0, self._real)

    def padded(self, flat: Tensor) -> Tensor:
        """(real pieces, size) to (batch, pieces, size)."""
        found = flat if self._whole else flat.index_select(0, self._places)
        return found.unflatten(0, self._shape)
