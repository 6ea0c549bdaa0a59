"""What the training corpus says of entities elsewhere: vectors of names, looked up by their word pieces.

A name is known by a key made of its pieces, so that spans are looked up where the text is read, and the
model stores numbers alone.

Training reads sentences whose own facts are in the graph, which would give the answer away. There, what a
sentence would not know without its own facts is withheld: a name that is in the facts of no second
sentence, and, of two names that are joined in exactly one sentence, either, so that a true pair may have
one known end, as pairs of new text have. What remains: the vectors of frequent names were also learned
from the sentence's facts. A share `dropout` of the names of pairs is withheld besides.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from extract.encoder.text import EncodedText, word_ends
from extract.encoder.windows import Window
from extract.heads.base import GoldWindow

logger = logging.getLogger(__name__)

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2 ** 64
_WORD = 1 << 64
_NO_KEY = (1 << 63) - 1


def _signed(number: int) -> int:
    """A number modulo 2 ** 64 as torch holds it."""
    return (number + (_WORD >> 1)) % _WORD - (_WORD >> 1)


def name_key(pieces: Sequence[int]) -> int:
    """The key of a name's pieces: sum of (piece + 1) * base ** place, modulo 2 ** 64, signed."""
    key = 0
    for piece in reversed(pieces):
        key = (key * _BASE + piece + 1) % _WORD
    return _signed(key)


def span_keys(text: EncodedText, spans: Tensor) -> Tensor:
    """The keys (batch, spans) of spans (batch, spans, 2), half-open words; any for empty ones.

    Sums over a span are differences of running sums; int64 wraps around, as the key's modulus asks.
    """
    batch = text.batch
    n_pieces, device = batch.piece_ids.shape[1], spans.device
    base, inverse = (
        torch.full((n_pieces,), _signed(number), device=device).cumprod(0) for number in
        (_BASE, pow(_BASE, -1, _WORD))
    )  # fmt: skip
    running = ((batch.piece_ids + 1) * base).cumsum(dim=1)
    running = torch.cat([torch.zeros_like(running[:, :1]), running], dim=1)  # (batch, pieces + 1)
    first, last = word_ends(batch.word_of_piece, batch.word_mask.shape[1])
    row = torch.arange(len(spans), device=device).unsqueeze(1)
    start = first[row, spans[..., 0]]
    end = last[row, (spans[..., 1] - 1).clamp(min=0)] + 1
    return (running[row, end] - running[row, start]) * inverse[start]


@dataclass(frozen=True, slots=True)
class NamedFact:
    """A fact of a training sentence, its ends by the keys of their names."""

    sentence: tuple[int, int]  # corpus, place in it
    subject: int
    relation: int
    object: int


def named_facts(corpora: Sequence[Sequence[tuple[Window, GoldWindow]]]) -> list[NamedFact]:
    """The facts of training windows, a list of windows a corpus."""
    facts = []
    for corpus, windows in enumerate(corpora):
        for window, gold in windows:

            def key(start: int, end: int, window: Window = window) -> int:
                inside = (window.word_of_piece >= start) & (window.word_of_piece < end)
                return name_key(window.piece_ids[inside].tolist())

            facts += [
                NamedFact((corpus, window.sentence), key(s, e), relation, key(o, f))
                for s, e, relation, o, f in gold.triples
            ]
    return facts


class Knowledge(nn.Module):
    """Vectors of names.

    Args:
        n_names: names there is room for.
        width: of a vector.
        dropout: share of names of pairs withheld in training, beside what must be.
    """

    keys: Tensor  # (names,), ascending
    vectors: Tensor  # (names, width)
    elsewhere: Tensor  # (names,), bool: in the facts of two sentences or more
    joined_once: Tensor  # (pairs,): row of the lower name * n_names + row of the higher

    def __init__(self, n_names: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.register_buffer("keys", torch.full((n_names,), _NO_KEY))
        self.register_buffer("vectors", torch.zeros(n_names, width))
        # Training needs these and makes them anew.
        self.register_buffer("elsewhere", torch.zeros(n_names, dtype=torch.bool), persistent=False)
        self.register_buffer("joined_once", torch.zeros(0, dtype=torch.long), persistent=False)

    @property
    def width(self) -> int:
        """Of what is known of a pair."""
        return 3 * self.vectors.shape[1]

    def take(self, facts: Sequence[NamedFact]) -> Tensor:
        """Know the names of the facts; their vectors are to be set.

        Where there is not room for all, those of most sentences are known.

        Returns: the distinct facts between known names, (facts, 3) of name's row, relation, name's row.
        """
        sentences = defaultdict(set)
        for fact in facts:
            sentences[fact.subject].add(fact.sentence)
            sentences[fact.object].add(fact.sentence)
        names = sorted(sentences, key=lambda key: (-len(sentences[key]), key))
        if len(names) > len(self.keys):
            logger.info("knowing %d of %d names of the training facts", len(self.keys), len(names))
        names = sorted(names[: len(self.keys)])
        row = {key: at for at, key in enumerate(names)}
        self.keys.fill_(_NO_KEY)
        self.keys[: len(names)] = torch.tensor(names, dtype=torch.long)
        self.vectors.zero_()
        self.elsewhere.zero_()
        self.elsewhere[: len(names)] = torch.tensor(
            [len(sentences[key]) > 1 for key in names], dtype=torch.bool
        )
        joined = defaultdict(set)
        triples = set()
        for fact in facts:
            if fact.subject in row and fact.object in row:
                subject, object_ = row[fact.subject], row[fact.object]
                triples.add((subject, fact.relation, object_))
                low, high = sorted((subject, object_))
                joined[low * len(self.keys) + high].add(fact.sentence)
        once = sorted(pair for pair, where in joined.items() if len(where) == 1)
        self.joined_once = torch.tensor(once, dtype=torch.long, device=self.keys.device)
        return torch.tensor(sorted(triples), dtype=torch.long).view(-1, 3)

    def rows(self, keys: Tensor) -> Tensor:
        """The rows of names by their keys (...); -1 for unknown ones."""
        at = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        return torch.where((self.keys[at] == keys) & (keys != _NO_KEY), at, -1)

    def of_pairs(self, subject: Tensor, object_: Tensor) -> Tensor:
        """What is known of pairs of names by their rows, both (pairs,): (pairs, 3 * width).

        The two vectors and their product; zeros for what is unknown, or withheld in training.
        """
        ends = torch.stack([subject, object_], dim=1)  # (pairs, 2)
        known = ends >= 0
        at = ends.clamp(min=0)
        if self.training:
            known &= self.elsewhere[at]
            pair = ends.amin(dim=1) * len(self.keys) + ends.amax(dim=1)
            tell = known.all(dim=1) & torch.isin(pair, self.joined_once)  # the pair's own fact
            left_out = torch.rand(len(pair), device=pair.device) < 0.5
            known &= ~(tell.unsqueeze(1) & torch.stack([left_out, ~left_out], dim=1))
            known &= torch.rand(ends.shape, device=ends.device) >= self.dropout
        left, right = (self.vectors[at] * known.unsqueeze(-1)).unbind(1)
        return torch.cat([left, right, left * right], dim=-1)
