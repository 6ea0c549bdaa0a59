"""BERT to be read and not trained, without the library it was published for.

Importing the modelling code of transformers takes longer than reading a page of text with a small encoder.
So a finished model's BERT is built here, by the same names and with the same steps, from the same files;
what is trained, and any encoder that is not a plain BERT, is transformers' own.

Devlin et al. 2019, BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.
Differs from the paper: nothing; the second segment, the pooled text and dropout are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from extract.json_files import read_json

# Settings of transformers' `BertConfig` under which its network is the one below, with their defaults.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "model_type": ("bert",),
    "hidden_act": ("gelu", None),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "chunk_size_feed_forward": (0, None),
    "quantization_config": (None,),
}
_WEIGHTS = "model.safetensors"
# What files raise that are damaged, or hold other values than they should.
_UNREADABLE = (
    OSError, ValueError, TypeError, AttributeError, RuntimeError, ZeroDivisionError, SafetensorError,
)  # fmt: skip


@dataclass(slots=True)
class BertSizes:
    """What the settings of a plain BERT say of its network, by transformers' names."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    model_type: str = "bert"
    is_decoder: bool = False
    _attn_implementation: str = "sdpa"


def plain_bert(folder: str) -> BertSizes | None:
    """The sizes of the BERT in a folder; None if there is another encoder, or files that we cannot read."""
    try:
        settings = read_json(Path(folder) / "config.json")
        if not all(settings.get(name) in values for name, values in _PLAIN.items()):
            return None
        own = {name for name in BertSizes.__dataclass_fields__ if not name.startswith("_")}
        sizes = BertSizes(**{k: v for k, v in settings.items() if k in own and v is not None})
        with torch.device("meta"):
            wanted = Bert(sizes).state_dict()
        with safe_open(Path(folder) / _WEIGHTS, framework="pt") as file:
            prefix = _prefix(file.keys())
            found = {name: tuple(file.get_slice(prefix + name).get_shape()) for name in wanted}
    except _UNREADABLE:
        return None
    return sizes if found == {name: tuple(w.shape) for name, w in wanted.items()} else None


def read_bert(folder: str, sizes: BertSizes) -> Bert:
    """The network in a folder with as many of its first layers as `sizes` says, in float32.

    Raises `SafetensorError` if its file is damaged.
    """
    with torch.device("meta"):
        model = Bert(sizes)
    with safe_open(Path(folder) / _WEIGHTS, framework="pt") as file:
        prefix = _prefix(file.keys())
        stored = {name: file.get_tensor(prefix + name).float() for name in model.state_dict()}
    model.load_state_dict(stored, assign=True)
    return model.requires_grad_(False).eval()


def _prefix(names: Any) -> str:
    """What stands before the names of a network that was stored as a part of another."""
    return "" if any(name.startswith("embeddings.") for name in names) else "bert."


@dataclass(frozen=True, slots=True)
class BertOutput:
    """States of all layers, the embedding output first, each (batch, pieces, hidden)."""

    hidden_states: tuple[Tensor, ...]


class Bert(nn.Module):
    """Transformers' `BertModel` without its dropout and its pooled text: the same names, steps and states."""

    def __init__(self, config: BertSizes) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = _Layers(config)

    def get_input_embeddings(self) -> nn.Embedding:
        """The embeddings of pieces."""
        return self.embeddings.word_embeddings

    def forward(
        self,
        *,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor | None = None,
        output_hidden_states: bool = True,
    ) -> BertOutput:
        """States of all layers, whether they are asked for or not.

        Args:
            inputs_embeds: (batch, pieces, hidden), without positions.
            attention_mask: (batch, pieces), or (batch, 1, queries, keys), bool.
            position_ids: (batch, pieces); by default the pieces' order.
        """
        mask = attention_mask
        if mask.dim() == 2:
            mask = mask[:, None, None].bool()
        states = [self.embeddings(inputs_embeds=inputs_embeds, position_ids=position_ids)]
        for layer in self.encoder.layer:
            states.append(layer(states[-1], mask))
        return BertOutput(tuple(states))


class _Layers(nn.Module):
    def __init__(self, config: BertSizes) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))


class _Embeddings(nn.Module):
    def __init__(self, config: BertSizes) -> None:
        super().__init__()
        hidden = config.hidden_size
        self.word_embeddings = _embedding(config.vocab_size, hidden)
        self.position_embeddings = _embedding(config.max_position_embeddings, hidden)
        self.token_type_embeddings = _embedding(config.type_vocab_size, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)

    def forward(self, inputs_embeds: Tensor, position_ids: Tensor | None = None) -> Tensor:
        if position_ids is None:
            position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device)[None]
        first = self.token_type_embeddings.weight[0]
        normed: Tensor = self.LayerNorm(
            inputs_embeds + first + self.position_embeddings(position_ids)
        )
        return normed


def _embedding(n_rows: int, width: int) -> nn.Embedding:
    """Not drawn at random: for that on the "meta" device, torch imports its compiler."""
    return nn.Embedding.from_pretrained(torch.empty(n_rows, width))


class _Layer(nn.Module):
    def __init__(self, config: BertSizes) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.intermediate = nn.ModuleDict(
            {"dense": nn.Linear(config.hidden_size, config.intermediate_size)}
        )
        self.output = _Added(config.intermediate_size, config)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        own = self.attention.self
        query, key, value = (
            part(states).unflatten(-1, (own.num_attention_heads, -1)).transpose(1, 2)
            for part in (own.query, own.key, own.value)
        )
        found = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, scale=own.scaling
        )
        attended = self.attention.output(found.transpose(1, 2).flatten(2), states)
        return self.feed_forward_chunk(attended)

    def feed_forward_chunk(self, attended: Tensor) -> Tensor:
        """The layer's second half, by transformers' name."""
        added: Tensor = self.output(functional.gelu(self.intermediate["dense"](attended)), attended)
        return added


class _Attention(nn.Module):
    def __init__(self, config: BertSizes) -> None:
        super().__init__()
        self.self = _Heads(config)
        self.output = _Added(config.hidden_size, config)


class _Heads(nn.Module):
    def __init__(self, config: BertSizes) -> None:
        super().__init__()
        hidden, self.num_attention_heads = config.hidden_size, config.num_attention_heads
        if hidden % self.num_attention_heads:
            raise ValueError(f"{hidden} is no multiple of {self.num_attention_heads} heads")
        self.scaling = (hidden // self.num_attention_heads) ** -0.5
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))


class _Added(nn.Module):
    """A product added to what came before, normed."""

    def __init__(self, width: int, config: BertSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor, before: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(self.dense(states) + before)
        return normed
