"""Corpora to training windows: which labels each corpus annotates, and gold per window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from extract.encoder.windows import EncodedBatch, Window, Windower
from extract.heads.base import GoldWindow
from extract.schema import Schema
from extract.structures import Sentence


@dataclass(frozen=True, slots=True)
class Annotated:
    """Which labels a corpus annotates, as indices of the model's schema; `given`: whether its entities
    are known beforehand."""

    entity_types: frozenset[int]
    relations: frozenset[int]
    qualifiers: frozenset[int]
    given: bool = False

    @classmethod
    def by(cls, own: Schema, schema: Schema) -> Annotated:
        """The labels of a corpus's own schema, in the model's schema."""
        return cls(
            _indices(own.entity_names, schema.entity_names),
            _indices(own.relation_names, schema.relation_names),
            _indices(own.qualifier_names, schema.qualifier_names),
        )


def _indices(names: Iterable[str], known: list[str]) -> frozenset[int]:
    return frozenset(known.index(name) for name in names if name in known)


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """A window, its gold annotation and, where there is a teacher, its words as the teacher reads them."""

    window: Window
    gold: GoldWindow
    teacher: Window | None = None


def training_windows(
    sentences: Sequence[Sentence],
    windower: Windower,
    schema: Schema,
    annotated: Annotated | Sequence[Annotated],
) -> list[TrainingWindow]:
    """All windows of annotated sentences. An entity label outside the schema counts as untyped.

    Args:
        annotated: what the corpus annotates, or each sentence.
    """
    each = [annotated] * len(sentences) if isinstance(annotated, Annotated) else annotated
    types = {name: i for i, name in enumerate(schema.entity_names)}
    relations = {name: i for i, name in enumerate(schema.relation_names)}
    qualifiers = {name: i for i, name in enumerate(schema.qualifier_names)}
    return [
        TrainingWindow(
            window,
            _gold(
                sentences[window.sentence],
                window,
                types,
                relations,
                qualifiers,
                each[window.sentence],
            ),
        )
        for window in windower.windows(sentences)
    ]


def _gold(
    sentence: Sentence,
    window: Window,
    types: dict[str, int],
    relations: dict[str, int],
    qualifiers: dict[str, int],
    annotated: Annotated,
) -> GoldWindow:
    first, end = window.start_word, window.end_word

    def inside(entity: object) -> bool:
        span = entity.span  # type: ignore[attr-defined]
        return bool(first <= span.start_word and span.end_word <= end)

    found_triples, found_qualifiers = [], []
    for triple in sentence.triples:
        if triple.relation not in relations or not (
            inside(triple.subject) and inside(triple.object)
        ):
            continue
        s, o = triple.subject.span, triple.object.span
        found_triples.append(
            (
                s.start_word - first,
                s.end_word - first,
                relations[triple.relation],
                o.start_word - first,
                o.end_word - first,
            )
        )
        for qualifier in triple.qualifiers:
            if qualifier.label in qualifiers and inside(qualifier.value):
                v = qualifier.value.span
                found_qualifiers.append(
                    (
                        len(found_triples) - 1,
                        qualifiers[qualifier.label],
                        v.start_word - first,
                        v.end_word - first,
                    )
                )
    return GoldWindow(
        entities=tuple(
            (e.span.start_word - first, e.span.end_word - first, types.get(e.label, -1))
            for e in sentence.entities
            if inside(e)
        ),
        triples=tuple(found_triples),
        qualifiers=tuple(found_qualifiers),
        entity_types=annotated.entity_types,
        relations=annotated.relations,
        qualifier_labels=annotated.qualifiers,
        given=annotated.given,
    )


@dataclass(frozen=True, slots=True)
class Collator:
    """Pads training windows to a batch of plain tensors and gold annotation.

    A share `piece_dropout` of the words' pieces is replaced by the mask token, so that a model cannot
    lean on knowing each name by heart. Gal and Ghahramani 2016, A Theoretically Grounded
    Application of Dropout in Recurrent Neural Networks (word dropout). Differs from the paper:
    pieces instead of word types, the mask token instead of zeros.

    A teacher, whose windows `teacher` pads, reads all pieces.
    """

    windower: Windower
    piece_dropout: float = 0.0
    teacher: Windower | None = None

    def __call__(self, windows: Sequence[TrainingWindow]) -> dict[str, Any]:
        batch = self.windower.batch([item.window for item in windows])
        piece_ids = batch.piece_ids
        if self.piece_dropout:
            hidden = (torch.rand(piece_ids.shape) < self.piece_dropout) & (batch.word_of_piece >= 0)
            piece_ids = piece_ids.masked_fill(hidden, self.windower.mask_id)
        inputs = _as_inputs(replace(batch, piece_ids=piece_ids))
        inputs["gold"] = [item.gold for item in windows]
        if self.teacher is not None:
            read = [item.teacher for item in windows if item.teacher is not None]
            inputs["teacher"] = _as_inputs(self.teacher.batch(read))
        return inputs


def _as_inputs(batch: EncodedBatch) -> dict[str, Any]:
    inputs = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in inputs.items() if value is not None}


class LengthGroupedSampler(torch.utils.data.Sampler[int]):
    """A new order each epoch in which neighbours are of like length, so that batches pad little.

    Windows are shuffled, cut into groups of `group` batches, sorted by length within each; then
    the batches are shuffled. The order depends on seed and epoch alone, so a resumed run repeats it.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, group: int = 16) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.group = group
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        """Called by the training loop at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self):  # type: ignore[no-untyped-def]
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        size = self.batch_size * self.group
        batches = []
        for at in range(0, len(order), size):
            group = sorted(order[at : at + size], key=lambda i: self.lengths[i])
            batches += [
                group[b : b + self.batch_size] for b in range(0, len(group), self.batch_size)
            ]
        last = [b for b in batches if len(b) < self.batch_size]
        full = [b for b in batches if len(b) == self.batch_size]
        for b in torch.randperm(len(full), generator=generator).tolist():
            yield from full[b]
        for short in last:  # at most one, kept at the end so that batches stay as grouped
            yield from short


def to_batch(inputs: dict[str, Tensor]) -> EncodedBatch:
    """The encoder's part of a collated batch."""
    return EncodedBatch(
        inputs["piece_ids"],
        inputs["piece_mask"],
        inputs["word_of_piece"],
        inputs["shape_of_piece"],
        inputs["word_mask"],
        inputs.get("parents"),
    )
