"""Boundary tagging: a start tagger feeds an end tagger, and starts are paired with their nearest ends.

The start tagger says of each word which labels' spans start there. Then each likely start in turn is the
current start, and the end tagger says of each word from it on which labels' spans end there; it reads the
word, what the start tagger made of the word and of the current start, and how far apart they are.

Multi-span decoding: a start goes with the nearest end of its label at or after it. Here the rule is one of
scores: "this span" is "its start, its end, and no nearer end". Where tags are sure, the spans above even
odds are those of the rule; where they are not, further ends stay candidates. Where all starts see the
same ends, spans of one label never cross: a start within a span has an end no later than the span's.
Of spans that share a label and a start, the shorter is kept.

Yu et al. 2020, Joint Extraction of Entities and Relations Based on a Novel Decomposition Strategy
(hierarchical boundary tagger, multi-span decoding).
Differs from the paper: the end tagger runs for each likely start, where the paper lets a word see the
nearest start before it only, so that a span may stand inside another; both taggers are perceptrons on
the words of a pretrained encoder, not LSTMs of their own; tags are multi-label, not one of a word;
likely false starts are trained to have no end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, softplus

from extract.heads.scorers import PRIOR

_FARTHEST = 24  # words this far from the current start, or farther, share one distance
_SURE = 1e-30  # the least cost: keeps the log-odds of what is certain finite


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What the start tagger says of each word of each row, and what the end tagger is to read.

    start: (rows, words, labels), log-odds.
    word, current: (rows, words, width), of a word, and of a word as the current start.
    mask: (rows, words), which words are real.
    """

    start: Tensor
    word: Tensor
    current: Tensor
    mask: Tensor


class BoundaryTagger(nn.Module):
    """Tags the boundaries of spans; every word also reads the maximum over its sentence.

    Args:
        hidden: width of word states.
        width: width of both taggers' hidden layers.
        n_labels: labels of spans.
    """

    def __init__(self, hidden: int, width: int, n_labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.start_word = nn.Linear(hidden, width)
        self.sentence = nn.Linear(hidden, width, bias=False)
        self.start_scorer = nn.Linear(width, n_labels)
        self.end_word = nn.Linear(hidden, width)
        self.end_feature = nn.Linear(width, width, bias=False)
        self.end_current = nn.Linear(width, width, bias=False)
        self.end_distance = nn.Embedding(_FARTHEST + 1, width)
        self.end_scorer = nn.Linear(width, n_labels)
        for scorer in (self.start_scorer, self.end_scorer):
            nn.init.constant_(scorer.bias, PRIOR)
        nn.init.normal_(self.end_distance.weight, std=0.1)

    def forward(
        self,
        states: Tensor,
        mask: Tensor,
        window: Tensor | None = None,
        about: Tensor | None = None,
    ) -> Boundaries:
        """Tag the starts of each row.

        Args:
            states: (batch, words, hidden).
            mask: (batch, words).
            window: (rows,), the window that each row tags; None: each window once.
            about: (rows, words, width), what the row is about, as its words see it.
        """
        whole = states.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(dim=1)
        read = self.start_word(states) + self.sentence(whole).unsqueeze(1)  # (batch, words, width)
        word = self.end_word(states)
        if window is not None:
            read, word, mask = read[window], word[window], mask[window]  # (rows, words, width)
        if about is not None:
            read = read + about
        feature = self.dropout(gelu(read))
        return Boundaries(
            self.start_scorer(feature).float(),
            word + self.end_feature(feature),
            self.end_current(feature),
            mask,
        )

    def ends(self, tags: Boundaries, cells: Tensor) -> Tensor:
        """Log-odds (cells, labels) of a span's end at a word, given its start.

        Args:
            cells: (cells, 3) of row, start, word; the word is not before the start.
        """
        row, start, word = cells.unbind(1)
        distance = self.end_distance((word - start).clamp(max=_FARTHEST))
        read = tags.word[row, word] + tags.current[row, start]
        scores: Tensor = self.end_scorer(self.dropout(gelu(read + distance.to(read.dtype))))
        return scores.float()


def cells_from(starts: Tensor, n_words: Tensor) -> tuple[Tensor, Tensor]:
    """The cells of each start: words from it on.

    Args:
        starts: (starts, 2) of row, start.
        n_words: (starts,), how many words, at least one.

    Returns: cells (cells, 3) of row, start, word, those of a start together and in order; the first cell
    of each start (starts,).
    """
    first = n_words.cumsum(0) - n_words
    of = torch.arange(len(starts), device=starts.device).repeat_interleave(n_words)
    row, start = starts[of].unbind(1)
    step = torch.arange(len(of), device=starts.device) - first[of]
    return torch.stack([row, start, start + step], dim=1), first


def span_log_odds(spans: Tensor, start: Tensor, ends: Callable[[Tensor], Tensor]) -> Tensor:
    """Log-odds (spans, labels) of spans: the start, the end, and no nearer end.

    Their probabilities are multiplied: an end's is given the start, and given that no end came before.

    Args:
        spans: (spans, 3) of row, first word, and the word behind the last.
        start: (rows, words, labels), log-odds of starts.
        ends: takes cells (cells, 3) of row, start, word and gives log-odds (cells, labels) of ends. It is
            asked for each cell once, and for no word behind the last span from its start.
    """
    row, first_word, stop = spans.unbind(1)
    key, of = (row * start.shape[1] + first_word).unique(return_inverse=True)
    width = stop - first_word
    widest = torch.zeros_like(key).scatter_reduce(0, of, width, "amax")
    starts = torch.stack([key // start.shape[1], key % start.shape[1]], dim=1)
    cells, first = cells_from(starts, widest)
    end = ends(
        cells
    ).double()  # sums run over all cells: their differences must not depend on others
    passed = (cost := softplus(end)).cumsum(dim=0) - cost  # up to, not including, each cell
    at = first[of] + width - 1
    nearer = passed[at] - passed[first[of]]
    return log_odds_of(softplus(-start[row, first_word]) + softplus(-end[at]) + nearer).float()


def all_of(*scores: Tensor) -> Tensor:
    """Log-odds that all of several things hold, from the log-odds of each; they count as independent."""
    return log_odds_of(
        torch.stack([softplus(-score.double()) for score in scores]).sum(dim=0)
    ).float()


def log_odds_of(cost: Tensor) -> Tensor:
    """Log-odds of the probability exp(-cost), for costs above 0: -log(exp(cost) - 1), without overflow."""
    cost = cost.clamp(min=_SURE)
    return -(cost + torch.log(-torch.expm1(-cost)))
