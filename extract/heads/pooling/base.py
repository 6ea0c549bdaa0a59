"""The contracts of poolings and their registries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from extract.heads.scorers import Projection
from extract.registered import registrar

SPAN_POOLINGS: dict[str, type[SpanPooling]] = {}
PAIR_POOLINGS: dict[str, type[PairPooling]] = {}

Pooled = Callable[[Tensor], Tensor]  # pairs (pairs, 3) to vectors (pairs, width)


class SpanPooling(nn.Module, ABC):
    """Makes one vector of the words of a span.

    Args:
        hidden: width of word states.
    """

    width: int  # of the vector

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.width = hidden

    @abstractmethod
    def forward(self, words: Tensor, window: Tensor, spans: Tensor) -> Tensor:
        """(spans, width): the vectors of spans of a batch's windows.

        Args:
            words: (batch, words, hidden).
            window: (spans,).
            spans: (spans, 2), half-open word offsets; none is empty.
        """


@dataclass(frozen=True, slots=True)
class PairText:
    """What pair poolings read.

    words: (batch, words, hidden); mask: (batch, words), real words.
    spans: (batch, spans, 2), half-open word offsets, (0, 0) for padding.
    represented: (batch, spans, span width), the spans' vectors.
    parents: (batch, words), each word's parent in the dependency tree, -1 for none; None without parses.
    """

    words: Tensor
    mask: Tensor
    spans: Tensor
    represented: Tensor
    parents: Tensor | None = None


class PairPooling(nn.Module, ABC):
    """Makes one vector of the words around a pair of spans, from their projections to a few features.

    Args:
        hidden: width of word states.
        span_width: width of the spans' vectors.
        features: width of the projected words.
        dropout: on projected words.
    """

    n_parts: ClassVar[int] = 1  # vectors of the projected words' width, side by side
    needs_parse: ClassVar[bool] = False

    def __init__(self, hidden: int, span_width: int, features: int, dropout: float) -> None:
        super().__init__()
        self.width = self.n_parts * features
        if self.n_parts:
            self.words = Projection(hidden, features, dropout)

    @abstractmethod
    def forward(self, text: PairText) -> Pooled:
        """A function from pairs to their vectors, so that what all pairs share is made once.

        It takes (pairs, 3) of window, subject span and object span, and gives (pairs, width).
        """

    def through(self, text: PairText, layer: nn.Module) -> Pooled:
        """As `forward`, with a layer's outputs for the vectors; one that pairs share may be read once."""
        pooled = self(text)
        return lambda pairs: layer(pooled(pairs))


def register_span_pooling(name: str) -> Callable[[type[SpanPooling]], type[SpanPooling]]:
    """Register a span pooling under a name; refuses a name that is taken."""
    return registrar(SPAN_POOLINGS, "span pooling", name)


def register_pair_pooling(name: str) -> Callable[[type[PairPooling]], type[PairPooling]]:
    """Register a pair pooling under a name; refuses a name that is taken."""
    return registrar(PAIR_POOLINGS, "pair pooling", name)
