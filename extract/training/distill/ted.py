"""Task-aware layer-wise distillation: layers are aligned through filters that were trained for the task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from itertools import islice

import torch
from torch import Tensor, nn

from extract.encoder.pooling import pool_words
from extract.encoder.pretrained import LayerStates
from extract.encoder.windows import EncodedBatch
from extract.errors import RecipeError
from extract.heads.base import GoldWindow, Head, WordStates

logger = logging.getLogger(__name__)

_RATE = 1e-3  # of filters and of their head, which start fresh; that of heads in recipes
Batch = tuple[
    EncodedBatch, EncodedBatch, Sequence[GoldWindow]
]  # the student's, the teacher's, gold
Reader = Callable[[Batch], tuple[LayerStates, LayerStates]]
Precision = Callable[[], AbstractContextManager[object]]


def aligned_layers(n_student: int, n_teacher: int) -> tuple[int, ...]:
    """The teacher's layer for each of the student's, evenly spread, the last for the last."""
    spread = (round(layer * n_teacher / n_student) for layer in range(1, n_student + 1))
    return tuple(max(1, layer) for layer in spread)


class TaskAwareFilters(nn.Module):
    """Linear filters of the student's layers and of the teacher's layers that these are to follow.

    First the filters W are trained with both models fixed: min_W sum_k task(W_k h_k), for student and teacher
    alike. Then the student is trained with its own filters, those of the teacher fixed:
    task + a / K sum_k MSE(W_k^s h_k^s, W_k^t h_m(k)^t).

    Liang et al. 2023, Less is More: Task-aware Layer-wise Distillation for Language Model Compression.
    Checked against the description of the authors' code, whose loss is the mean over layers; the paper's own
    equations were not seen.
    Differs from the paper: layers are compared as words, the means of their pieces, so that the tokenizers
    may differ; all filters put out the student's width and one head reads them in the first stage, which
    starts as the student's own, is trained with them and then dropped; a step trains the filters of one
    layer, in turns.

    Args:
        n_layers: of the student.
        of_teacher: the teacher's layer for each of the student's, counted from 1.
        hidden, teacher_hidden: widths of both.
    """

    def __init__(
        self, n_layers: int, of_teacher: Sequence[int], hidden: int, teacher_hidden: int
    ) -> None:
        super().__init__()
        self.of_teacher = tuple(of_teacher)
        self.student = nn.ModuleList(_filter(hidden, hidden) for _ in range(n_layers))
        self.teacher = nn.ModuleList(_filter(teacher_hidden, hidden) for _ in range(n_layers))
        self.teacher.requires_grad_(False)

    def forward(
        self, own: LayerStates, batch: EncodedBatch, told: LayerStates, teacher: EncodedBatch
    ) -> Tensor:
        """The mean over layers of the mean squared difference of the words' filtered states, a scalar."""
        terms = []
        for layer in range(len(self.student)):
            mine, wanted = self._filtered(layer, own, batch, told, teacher)
            apart = (mine.float() - wanted.float()).square().mean(dim=-1)  # (batch, words)
            terms.append((apart * batch.word_mask).sum() / batch.word_mask.sum())
        return torch.stack(terms).mean()

    def _filtered(
        self,
        layer: int,
        own: LayerStates,
        batch: EncodedBatch,
        told: LayerStates,
        teacher: EncodedBatch,
    ) -> tuple[Tensor, Tensor]:
        """Both filters' output for a layer of the student, (batch, words, hidden) each."""
        n_words = batch.word_mask.shape[1]
        mine = pool_words(own.layers[layer + 1], batch.word_of_piece, n_words)
        wanted = pool_words(told.layers[self.of_teacher[layer]], teacher.word_of_piece, n_words)
        return self.student[layer](mine), self.teacher[layer](wanted)

    def learn(
        self,
        head: Head,
        read: Reader,
        batches: Iterator[Batch],
        *,
        n_steps: int,
        precision: Precision,
    ) -> None:
        """Train all filters on the task, both models fixed; see the class.

        Args:
            head: the student's, which stays as it is.
            read: gives both models' states of a batch; both in evaluation mode.
            batches: without end.
            n_steps: of each layer's filters.
            precision: the context in which models are to be called.
        """
        reader = deepcopy(head).eval()  # without dropout, which would tell equal filters apart
        self.requires_grad_(True)
        trained = [*self.parameters(), *reader.parameters()]
        optimizer = torch.optim.AdamW(trained, lr=_RATE, weight_decay=0.0, fused=True)
        n_layers = len(self.student)
        total = n_steps * n_layers
        first = last = 0.0
        for step, batch in enumerate(islice(batches, total)):
            with precision():
                with torch.no_grad():
                    own, told = read(batch)
                filtered = self._filtered(step % n_layers, own, batch[0], told, batch[1])
                losses = [
                    loss
                    for states in filtered
                    for loss in reader.loss(_alike(states, batch[0]), batch[2]).values()
                ]
            total_loss = torch.stack(losses).sum()
            optimizer.zero_grad()
            total_loss.backward()
            optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (1 - (step + 1) / total)
            last = float(total_loss.detach())
            first = first or last
        self.teacher.requires_grad_(False)
        logger.info("filters: task loss %.2f at first, %.2f after %d steps", first, last, total)


def check_reads_words(head: Head) -> None:
    """Raise `RecipeError` if a head reads more than word states, which filters cannot give."""
    if head.reads_text or head.extra_pieces:
        raise RecipeError(
            f"distill.ted needs a head that reads word states alone, got {type(head).__name__}. "
            "Set distill.ted = 0, and distill.logits or distill.relations instead."
        )


def _filter(width: int, out: int) -> nn.Linear:
    """A linear map that starts as near to what it reads as the widths allow."""
    made = nn.Linear(width, out)
    with torch.no_grad():
        nn.init.zeros_(made.bias)
        if width == out:
            made.weight.copy_(torch.eye(width))
        else:
            nn.init.orthogonal_(made.weight)
    return made


def _alike(states: Tensor, batch: EncodedBatch) -> WordStates:
    return WordStates(states, states, states, batch.word_mask, parents=batch.parents)
