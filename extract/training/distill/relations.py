"""Relations between the attention vectors of a layer, the teacher's and the student's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from extract.encoder.pooling import pool_words
from extract.encoder.pretrained import PretrainedEncoder, stacked_layers
from extract.encoder.windows import EncodedBatch
from extract.errors import RecipeError

# What encoders call the projections to queries, keys and values.
_NAMES = (("query", "key", "value"), ("q", "k", "v"), ("q_lin", "k_lin", "v_lin"))


@dataclass
class Watched:
    """Queries, keys and values (batch, pieces, hidden) of the watched layer's last pass."""

    vectors: dict[int, Tensor] = field(default_factory=dict)

    def taken(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three."""
        return self.vectors[0], self.vectors[1], self.vectors[2]


def attention_projections(encoder: PretrainedEncoder, layer: int) -> list[nn.Module]:
    """The modules that make queries, keys and values of a layer, counted from 1.

    Raises `RecipeError` if there is no such layer, or none are found in it.
    """
    if not 1 <= layer <= encoder.n_layers:
        raise RecipeError(
            f"Expected a layer in 1..{encoder.n_layers} for distill.relations, got {layer}."
        )
    _, stacked = stacked_layers(encoder.model)
    modules = {
        name.rpartition(".")[2]: module for name, module in stacked[layer - 1].named_modules()
    }
    for names in _NAMES:
        if all(name in modules for name in names):
            return [modules[name] for name in names]
    raise RecipeError(
        f"distill.relations needs an encoder with projections to queries, keys and values, got "
        f"{encoder.name!r} of the type {encoder.model.config.model_type!r}."
    )


@contextmanager
def watching(modules: list[nn.Module]) -> Iterator[Watched]:
    """Keep what the modules put out on their next passes."""
    watched = Watched()

    def keep(at: int) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            watched.vectors[at] = output

        return hook

    handles = [module.register_forward_hook(keep(at)) for at, module in enumerate(modules)]
    try:
        yield watched
    finally:
        for handle in handles:
            handle.remove()


def log_relations(vectors: Tensor, mask: Tensor, n_heads: int) -> Tensor:
    """log softmax(A A^T / sqrt(d)) of vectors A of each relation head; padding is related to by nothing.

    Args:
        vectors: (batch, places, hidden).
        mask: (batch, places), which are no padding.

    Returns: (batch, heads, places, places), float32.
    """
    batch, places, hidden = vectors.shape
    heads = vectors.float().view(batch, places, n_heads, hidden // n_heads).transpose(1, 2)
    scores = heads @ heads.transpose(2, 3) / (hidden // n_heads) ** 0.5
    # Not -inf: 0 times it would make the divergence no number.
    scores = scores.masked_fill(~mask[:, None, None], -1e4)
    return scores.log_softmax(dim=-1)


class RelationsLoss:
    """Divergence of the student's query, key and value relations from the teacher's.

    R = softmax(A A^T / sqrt(d)), for A the queries, the keys or the values of a layer, split anew into
    relation heads of width d; L = 1 / (heads |x|) sum_heads sum_x KL(R_teacher || R_student), summed over the
    three.

    Wang et al. 2021, MiniLMv2: Multi-Head Self-Attention Relation Distillation for Compressing Pretrained
    Transformers. Differs from the paper: it is added to the training of a task, not done before it; where
    teacher and student cut words into other pieces, relations are between words, whose vectors are the means
    of their pieces'.

    Raises `RecipeError` if the relation heads do not divide a hidden width, or there is no such layer.
    """

    def __init__(
        self,
        student: PretrainedEncoder,
        teacher: PretrainedEncoder,
        *,
        layer: int | None,
        n_heads: int,
        same_pieces: bool,
    ) -> None:
        for encoder in (student, teacher):
            if encoder.hidden % n_heads:
                raise RecipeError(
                    f"Expected distill.relation_heads that divides the width {encoder.hidden} of encoder "
                    f"{encoder.name!r}, got {n_heads}."
                )
        self.n_heads, self.same_pieces = n_heads, same_pieces
        self.of_student = attention_projections(student, student.n_layers)
        self.of_teacher = attention_projections(teacher, layer or teacher.n_layers)

    def __call__(
        self, own: Watched, batch: EncodedBatch, told: Watched, teacher: EncodedBatch
    ) -> Tensor:
        """The loss, a scalar; `batch` and `teacher` are what both have read."""
        terms = []
        for ours, theirs in zip(own.taken(), told.taken(), strict=True):
            if self.same_pieces:
                mask = batch.piece_mask.bool()
            else:
                mask, n_words = batch.word_mask, batch.word_mask.shape[1]
                ours = pool_words(ours, batch.word_of_piece, n_words)
                theirs = pool_words(theirs, teacher.word_of_piece, n_words)
            mine = log_relations(ours, mask, self.n_heads)
            wanted = log_relations(theirs, mask, self.n_heads)
            divergence = (wanted.exp() * (wanted - mine)).sum(dim=-1)  # (batch, heads, places)
            total = (divergence * mask.unsqueeze(1)).sum()
            terms.append(total / (self.n_heads * mask.sum()))
        return torch.stack(terms).sum()
