"""Markers of spans: pieces of no text of their own that the encoder reads along with a text.

Levitated markers stand behind a text, at the positions of pieces that they are tied to. They come in
groups, such as a pair for the first and last piece of a span. The text does not see them; a group sees
the text and itself. Many groups share one text so: an instance. Solid markers stand around spans of the
text, such as a subject, and are part of the text.

Ye et al. 2022, Packed Levitated Marker for Entity and Relation Extraction; Zhong and Chen 2021, A
Frustratingly Easy Approach for Entity and Relation Extraction (groups of four, tied to two spans).
Differs from the papers: solid markers come last in the input and take their place in the text by
position ids alone, which is the same to an encoder that knows pieces by their positions. An instance
is bounded in its groups and not in its pieces, as levitated markers take up no positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from extract.encoder.text import EncodedText

PIECES_AT_ONCE = 4096  # bounds the memory of one pass of the encoder


@dataclass(frozen=True, slots=True)
class MarkerLayout:
    """Instances: a text each, the levitated markers behind it and, in some layouts, solid ones in it.

    Pieces of an instance, in order: those of the text; the solid markers before and after each span that
    has some; the first markers of all groups; the second markers of all; and so on.

    window: (instances,), row of the text in the batch.
    tied: (instances, groups, markers), the piece at whose position each levitated marker stands.
    real: (instances, groups), which groups are no padding.
    solid: (instances, spans, 2), first and last piece of each span between solid markers, or None.
    kinds: (instances, groups, markers), which vector each levitated marker has, and solid_kinds:
        (instances, spans, 2), which each solid one; None: by the place of the marker, solid ones first.
    """

    window: Tensor
    tied: Tensor
    real: Tensor
    solid: Tensor | None = None
    kinds: Tensor | None = None
    solid_kinds: Tensor | None = None

    @property
    def n_solid(self) -> int:
        """Solid markers of an instance."""
        return 0 if self.solid is None else 2 * self.solid.shape[1]

    def positions(self, n_pieces: int) -> Tensor:
        """Where each piece stands in the text, counted from 0: (instances, pieces).

        Solid markers move what comes after them. Where several begin before the same piece, or end
        after it, those of the first span come first.

        Args:
            n_pieces: of a text.
        """
        text = torch.arange(n_pieces, device=self.window.device).expand(len(self.window), -1)
        parts = []
        if self.solid is not None:
            first, last = self.solid.unsqueeze(2).unbind(-1)  # (instances, spans, 1)
            firsts, lasts = first.transpose(1, 2), last.transpose(1, 2)  # (instances, 1, spans)
            rank = torch.arange(self.solid.shape[1], device=text.device)
            earlier = rank < rank.unsqueeze(1)  # (spans, spans)
            before = (firsts < first) | ((firsts == first) & earlier)
            opening = first[..., 0] + before.sum(2) + (lasts < first).sum(2)
            before = (lasts < last) | ((lasts == last) & earlier)
            closing = last[..., 0] + 1 + (firsts <= last).sum(2) + before.sum(2)
            parts = [torch.stack([opening, closing], dim=2).flatten(1)]
            piece = text.unsqueeze(2)
            text = text + (firsts <= piece).sum(2) + (lasts < piece).sum(2)
        levitated = text.gather(1, self.tied.transpose(1, 2).flatten(1))
        return torch.cat([text, *parts, levitated], dim=1)

    def mask(self, piece_mask: Tensor) -> Tensor:
        """Which pieces (queries) attend to which (keys): (instances, queries, keys).

        Text and solid markers are seen by all; a levitated marker by those of its group only.

        Args:
            piece_mask: (batch, pieces), which pieces of the texts are no padding.
        """
        n_instances, n_groups, n_markers = self.tied.shape
        text = piece_mask.bool()[self.window]
        text = torch.cat([text, text.new_ones(n_instances, self.n_solid)], dim=1)
        keys = torch.cat([text, text.new_zeros(n_instances, n_markers * n_groups)], dim=1)
        mask = keys.unsqueeze(1).repeat(1, keys.shape[1], 1)
        own = torch.diag_embed(self.real).repeat(1, n_markers, n_markers)
        mask[:, text.shape[1] :, text.shape[1] :] = own  # (instances, levitated, levitated)
        return mask

    def embedded(self, vectors: Tensor) -> Tensor:
        """What the encoder reads as markers: (instances, markers, embedding).

        Args:
            vectors: (kinds, embedding).
        """
        n_instances, n_groups, n_markers = self.tied.shape
        place = torch.arange(self.n_solid + n_markers, device=self.window.device)
        solid = place[: self.n_solid].expand(n_instances, -1)
        if self.solid_kinds is not None:
            solid = self.solid_kinds.flatten(1)
        levitated = place[self.n_solid :].expand(n_instances, n_groups, -1)
        if self.kinds is not None:
            levitated = self.kinds
        return vectors[torch.cat([solid, levitated.transpose(1, 2).flatten(1)], dim=1)]

    def rows(self, at: Tensor) -> MarkerLayout:
        """Some instances, without groups that are padding in all of them.

        Args:
            at: (some instances,).
        """
        real = self.real[at]
        n_groups = int(real.sum(dim=1).max())
        return replace(
            self,
            window=self.window[at],
            tied=self.tied[at, :n_groups],
            real=real[:, :n_groups],
            solid=None if self.solid is None else self.solid[at],
            kinds=None if self.kinds is None else self.kinds[at, :n_groups],
            solid_kinds=None if self.solid_kinds is None else self.solid_kinds[at],
        )


@dataclass(frozen=True, slots=True)
class MarkerPass:
    """What one pass of the encoder made of some instances.

    at: (some instances,), which instances of the layout they are, and layout: they alone.
    solid: (some instances, solid markers, hidden), states; levitated: (some instances, groups,
        markers, hidden), whatever for padding.
    """

    at: Tensor
    layout: MarkerLayout
    solid: Tensor
    levitated: Tensor


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
    text: EncodedText,
    layout: MarkerLayout,
    vectors: Tensor,
    task: str,
    pieces_at_once: int = PIECES_AT_ONCE,
) -> tuple[Tensor, Tensor]:
    """States of markers that the encoder has read along with their texts.

    Args: as `marker_passes` takes them.

    Returns: those of the solid markers (instances, solid markers, hidden) and of the levitated ones
    (instances, groups, markers, hidden), whatever for padding.
    """
    n_groups, n_markers = layout.tied.shape[1:]
    at = [layout.window[:0]]
    solid = [vectors.new_zeros(0, layout.n_solid, text.encoder.hidden)]
    levitated = [vectors.new_zeros(0, n_groups, n_markers, text.encoder.hidden)]
    for read in marker_passes(text, layout, vectors, task, pieces_at_once):
        at.append(read.at)
        solid.append(read.solid)
        missing = n_groups - read.levitated.shape[1]
        levitated.append(pad(read.levitated, (0, 0, 0, 0, 0, missing)))
    order = torch.cat(at).argsort()
    return torch.cat(solid)[order], torch.cat(levitated)[order]


def marker_passes(
    text: EncodedText,
    layout: MarkerLayout,
    vectors: Tensor,
    task: str,
    pieces_at_once: int = PIECES_AT_ONCE,
) -> Iterator[MarkerPass]:
    """The same one pass of the encoder at a time, so that not all states need be held at once.

    Instances of few markers come first, so that little is padded.

    Args:
        layout: real groups come first in each instance.
        vectors: (kinds, embedding), what the layout's kinds of markers are to the encoder.
        task: whose mix of layers is read.
        pieces_at_once: of one pass, markers and padding included, unless a single instance has more.
    """
    batch, n_markers = text.batch, layout.tied.shape[2]
    embedded = text.encoder.embed(batch.piece_ids, batch.shape_of_piece)
    widths = layout.n_solid + n_markers * layout.real.sum(dim=1)
    order = widths.argsort(stable=True)
    lengths: list[int] = batch.piece_mask.sum(dim=1)[layout.window[order]].tolist()
    for start, end in _chunks(lengths, widths[order].tolist(), pieces_at_once):
        some, n_pieces = layout.rows(order[start:end]), max(lengths[start:end])
        states = text.read(
            torch.cat([embedded[some.window, :n_pieces], some.embedded(vectors)], dim=1),
            some.mask(batch.piece_mask[:, :n_pieces]),
            some.positions(n_pieces),
            task=task,
            first=n_pieces,
        )  # (some instances, markers of an instance, hidden)
        shape = end - start, n_markers, some.real.shape[1], states.shape[2]
        levitated = states[:, layout.n_solid :].reshape(shape).transpose(1, 2)
        yield MarkerPass(order[start:end], some, states[:, : layout.n_solid], levitated)


def _chunks(lengths: list[int], widths: list[int], most: int) -> list[tuple[int, int]]:
    """Runs of instances that are read at once, by the pieces of their texts and their markers."""
    runs, start, longest, widest = [], 0, 0, 0
    for at, (length, width) in enumerate(zip(lengths, widths, strict=True)):
        longest, widest = max(longest, length), max(widest, width)
        if at > start and (at - start + 1) * (longest + widest) > most:
            runs.append((start, at))
            start, longest, widest = at, length, width
    return [*runs, (start, len(lengths))] if lengths else []
