"""Packed levitated markers: pieces behind a text that read spans of it and leave it as it is.

A levitated pair of markers stands behind the text, at the positions of its span's first and last
piece. The text does not see it; the pair sees the text and itself. Many pairs share one text so:
an instance. Solid markers stand around one span of the text, its subject, and are part of the text.

Ye et al. 2022, Packed Levitated Marker for Entity and Relation Extraction.
Differs from the paper: solid markers come last in the input and take their place in the text by
position ids alone, which is the same to an encoder that knows pieces by their positions. An instance
is bounded in its pairs and not in its pieces, as levitated pairs take up no positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from extract.encoder.text import EncodedText

_PIECES_AT_ONCE = 4096  # bounds the memory of one pass of the encoder


@dataclass(frozen=True, slots=True)
class MarkerLayout:
    """Instances: a text each, the levitated pairs behind it and, in some layouts, a subject.

    Pieces of an instance, in order: those of the text; with subjects, the solid markers before and
    after it; the first markers of all levitated pairs; the second markers of all.

    window: (instances,), row of the text in the batch.
    pairs: (instances, pairs, 2), first and last piece of each pair's span.
    real: (instances, pairs), which pairs are no padding.
    subject: (instances, 2), first and last piece of the subject, or None.
    """

    window: Tensor
    pairs: Tensor
    real: Tensor
    subject: Tensor | None = None

    @property
    def n_solid(self) -> int:
        """Solid markers of an instance."""
        return 0 if self.subject is None else 2

    def positions(self, n_pieces: int) -> Tensor:
        """Where each piece stands in the text, counted from 0: (instances, pieces).

        Solid markers move what comes after them.

        Args:
            n_pieces: of a text.
        """
        text = torch.arange(n_pieces, device=self.window.device).expand(len(self.window), -1)
        parts = []
        if self.subject is not None:
            first, last = self.subject.unsqueeze(-1).unbind(1)  # (instances, 1)
            text = text + (text >= first).long() + (text > last).long()
            parts = [first, last + 2]
        levitated = [text.gather(1, side) for side in self.pairs.unbind(2)]
        return torch.cat([text, *parts, *levitated], dim=1)

    def mask(self, piece_mask: Tensor) -> Tensor:
        """Which pieces (queries) attend to which (keys): (instances, queries, keys).

        Text and solid markers are seen by all; a levitated marker by itself and its partner only.

        Args:
            piece_mask: (batch, pieces), which pieces of the texts are no padding.
        """
        n_instances, n_pairs = self.real.shape
        text = piece_mask.bool()[self.window]
        text = torch.cat([text, text.new_ones(n_instances, self.n_solid)], dim=1)
        keys = torch.cat([text, text.new_zeros(n_instances, 2 * n_pairs)], dim=1)
        mask = keys.unsqueeze(1).repeat(1, keys.shape[1], 1)
        partners = torch.diag_embed(self.real).repeat(1, 2, 2)  # (instances, 2 pairs, 2 pairs)
        mask[:, text.shape[1] :, text.shape[1] :] = partners
        return mask

    def rows(self, start: int, end: int) -> MarkerLayout:
        """Instances `start` up to `end`, without pairs that are padding in all of them."""
        real = self.real[start:end]
        n_pairs = int(real.sum(dim=1).max())
        subject = None if self.subject is None else self.subject[start:end]
        pairs = self.pairs[start:end, :n_pairs]
        return MarkerLayout(self.window[start:end], pairs, real[:, :n_pairs], subject)


def pack(counts: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut groups of items into instances of at most `size` neighbours.

    Args:
        counts: (groups,), items of each group.

    Returns: the group of each instance (instances,); which of its group's items it holds (instances,
    items), 0 for padding; which are no padding (instances, items).
    """
    n_instances = (counts + size - 1) // size
    groups = torch.arange(len(counts), device=counts.device).repeat_interleave(n_instances)
    before = n_instances.cumsum(0) - n_instances
    number = torch.arange(len(groups), device=counts.device) - before[groups]
    n_items = min(size, int(counts.max())) if len(counts) else 0
    item = number.unsqueeze(1) * size + torch.arange(n_items, device=counts.device)
    real = item < counts[groups].unsqueeze(1)
    return groups, item * real, real


def marker_states(
    text: EncodedText, layout: MarkerLayout, vectors: Tensor, task: str
) -> tuple[Tensor, Tensor]:
    """States of markers that the encoder has read behind their texts.

    Args:
        layout: real pairs come first in each instance.
        vectors: (markers, embedding): of a levitated pair's first and second marker, and before these,
            if the layout has subjects, of the solid ones.
        task: whose mix of layers is read.

    Returns: those of the solid markers (instances, 2 or 0, hidden) and of the levitated ones
    (instances, pairs, 2, hidden), whatever for padding.
    """
    batch, n_solid = text.batch, layout.n_solid
    embedded = text.encoder.embed(batch.piece_ids, batch.shape_of_piece)
    lengths = batch.piece_mask.sum(dim=1)[layout.window].tolist()
    widths = layout.real.sum(dim=1).tolist()
    shape = (0, layout.real.shape[1], 2, text.encoder.hidden)
    solid, levitated = [embedded.new_zeros(0, n_solid, shape[-1])], [embedded.new_zeros(shape)]
    for start, end in _chunks(lengths, widths):
        some, n_pieces = layout.rows(start, end), max(lengths[start:end])
        n_pairs = some.real.shape[1]
        numbers = [*range(n_solid), *[n_solid] * n_pairs, *[n_solid + 1] * n_pairs]
        markers = vectors[numbers].expand(end - start, -1, -1)
        read = text.read(
            torch.cat([embedded[some.window, :n_pieces], markers], dim=1),
            some.mask(batch.piece_mask[:, :n_pieces]),
            some.positions(n_pieces),
            task=task,
            first=n_pieces,
        )  # (instances, markers, hidden)
        pairs = read[:, n_solid:].unflatten(1, (2, n_pairs)).transpose(1, 2)
        solid.append(read[:, :n_solid])
        levitated.append(pad(pairs, (0, 0, 0, 0, 0, layout.real.shape[1] - n_pairs)))
    return torch.cat(solid), torch.cat(levitated)


def _chunks(lengths: list[int], widths: list[int]) -> list[tuple[int, int]]:
    """Runs of instances that are read at once, by the pieces of their texts and their pairs."""
    runs, start, longest = [], 0, 0
    for at, (length, n_pairs) in enumerate(zip(lengths, widths, strict=True)):
        longest = max(longest, length + 2 * n_pairs)
        if at > start and (at - start + 1) * longest > _PIECES_AT_ONCE:
            runs.append((start, at))
            start, longest = at, length + 2 * n_pairs
    return [*runs, (start, len(lengths))] if lengths else []
