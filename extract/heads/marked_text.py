"""What heads share that have the encoder read a text again with markers of spans."""

from __future__ import annotations

import torch
from torch import Tensor

from extract.encoder.fusion import Fusion
from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.text import EncodedText, word_ends
from extract.errors import RecipeError
from extract.heads.base import WordStates
from extract.schema import Schema

_WORDS_AN_END = 4  # where a window holds more spans than may enter pairs


def check_markers_work(head: str, encoder: PretrainedEncoder, fusion: Fusion) -> None:
    """Raise `RecipeError` if a head of that name cannot put markers before this encoder or fusion."""
    if not encoder.takes_positions:
        raise RecipeError(
            f"The head {head!r} ties positions, which encoder {encoder.name!r} does not "
            "allow. Choose an encoder like BERT, RoBERTa or MPNet, or another head."
        )
    if not fusion.by_piece:
        raise RecipeError(
            f"The head {head!r} needs a fusion that looks at one piece at a time, got "
            f"{type(fusion).__name__}, by which markers would see each other. Choose another."
        )


def piece_ends(states: WordStates) -> tuple[EncodedText, tuple[Tensor, Tensor]]:
    """The text behind word states; first and last piece of each word, both (batch, words)."""
    if states.text is None:
        raise ValueError("Markers read the text: expected word states with `text`, got None.")
    return states.text, word_ends(states.text.batch.word_of_piece, states.mask.shape[1])


def span_ends(states: WordStates, spans: Tensor) -> tuple[EncodedText, Tensor]:
    """The text behind word states; first and last piece of each span, (batch, spans, 2).

    Args:
        spans: (batch, spans, 2), half-open words; empty ones give pieces that say nothing.
    """
    text, (first, last) = piece_ends(states)
    row = torch.arange(len(spans), device=spans.device).unsqueeze(1)
    start, end = spans.unbind(2)
    return text, torch.stack([first[row, start], last[row, (end - 1).clamp(min=0)]], dim=2)


def n_ends(mask: Tensor, least: int) -> Tensor:
    """Spans that may enter pairs, (batch,): `least` or more, by each window's own words.

    Args:
        mask: (batch, words).
    """
    return (mask.sum(dim=1) // _WORDS_AN_END).clamp(min=least)


def symmetric_relations(schema: Schema) -> Tensor:
    """Which relations hold both ways or not at all: (relations,)."""
    return torch.tensor([relation.symmetric for relation in schema.relations], dtype=torch.bool)


def turned_round(pairs: Tensor, real: Tensor) -> Tensor:
    """For each pair the row of the pair with the roles exchanged, (pairs,); all must be there.

    Args:
        pairs: (pairs, 3) of window, subject span, object span.
        real: (batch, spans).
    """
    window, subject, object_ = pairs.unbind(1)
    row = torch.zeros(*real.shape, real.shape[1], dtype=torch.long, device=real.device)
    row[window, subject, object_] = torch.arange(len(pairs), device=real.device)
    return row[window, object_, subject]
