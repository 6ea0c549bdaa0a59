"""Pruning the cube of inference to the words that are likeliest to stand in an entity.

A span is read by those of its words that enter the cube, as the mean over the block of cells that is left; a
span that none of whose words enters is no subject, object or value there. Triples are not touched.

Chia et al. 2022, A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach (cube-pruning).
Differs from the paper: a word's score is the best of any span over it, not that of a cell on the diagonal;
triples and values are found spans before and after, so that pruning bounds them and not cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def likeliest_words(likely: Tensor, mask: Tensor, n_words: int) -> Tensor:
    """The `n_words` words of each window that score best, of equal ones the first: (batch, words), bool.

    Args:
        likely: (batch, words), -inf for padding.
        mask: (batch, words).
        n_words: at least 1.
    """
    # A span gives all its words one score: a sort that is not stable would break such ties by the
    # width of the batch.
    best = likely.argsort(dim=1, descending=True, stable=True)[:, :n_words]
    return torch.zeros_like(mask).scatter(1, best, True) & mask


@dataclass(frozen=True, slots=True)
class PrunedCube:
    """What of a batch's spans and triples enters the cube, as `QualifierCube.scored` takes it.

    spans: (batch, spans, 2); member: (batch, spans, words); real: (batch, spans): spans of which some
        word enters come first, in their order, and are the real ones.
    triples: (triples, 4), those whose ends enter, in their order.
    span_of: (batch, spans), the row among all spans of each span here.
    triple_of: (triples,), the row among all triples of each triple here.
    """

    spans: Tensor
    member: Tensor
    real: Tensor
    triples: Tensor
    span_of: Tensor
    triple_of: Tensor

    @classmethod
    def of(
        cls, spans: Tensor, member: Tensor, real: Tensor, triples: Tensor, enters: Tensor
    ) -> PrunedCube:
        """Prune to the words of `enters` (batch, words)."""
        member = member * enters.unsqueeze(1)
        share = member.sum(dim=-1, keepdim=True)  # of each span's words, those that enter
        member = torch.where(share > 0, member / share, member)
        real = real & (share.squeeze(-1) > 0)
        span_of = (~real).int().argsort(dim=1, stable=True)  # (batch, spans)
        place = span_of.argsort(dim=1)
        window, subject, relation, object_ = triples.unbind(1)
        kept = (real[window, subject] & real[window, object_]).nonzero().squeeze(1)
        ends = [place[window, subject], relation, place[window, object_]]
        row = torch.arange(len(spans), device=spans.device).unsqueeze(1)
        return cls(
            spans[row, span_of],
            member[row, span_of],
            real[row, span_of],
            torch.stack([window, *ends], dim=1)[kept],
            span_of,
            kept,
        )

    def in_full(self, found: Tensor) -> Tensor:
        """Rows (triple, label, value span) of the pruned cube, counted among all triples and spans."""
        triple, label, value = found.unbind(1)
        value = self.span_of[self.triples[triple, 0], value]
        return torch.stack([self.triple_of[triple], label, value], dim=1)
