"""MPNet with positions from outside.

Song et al. 2020, MPNet: Masked and Permuted Pre-training for Language Understanding (its relative
position bias). Differs from the paper: nothing. The model of transformers takes position ids for its
embeddings, but always computes the bias from the pieces' order in the input.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor


def mpnet_states(
    model: Any, embedded: Tensor, mask: Tensor, positions: Tensor
) -> tuple[Tensor, ...]:
    """States of all layers, the embedding output first, each (batch, pieces, hidden).

    Args:
        model: transformers' `MPNetModel`.
        embedded: (batch, pieces, hidden), without positions.
        mask: added to attention scores, broadcastable to (batch, heads, queries, keys).
        positions: (batch, pieces), position ids.
    """
    encoder = model.encoder
    hidden = model.embeddings(inputs_embeds=embedded, position_ids=positions)
    distance = positions.unsqueeze(1) - positions.unsqueeze(2)  # (batch, queries, keys)
    bias = encoder.relative_attention_bias(encoder.relative_position_bucket(distance))
    bias = bias.permute(0, 3, 1, 2)  # (batch, heads, queries, keys)
    states = [hidden]
    for layer in encoder.layer:
        (hidden,) = layer(hidden, mask, bias)
        states.append(hidden)
    return tuple(states)
