"""Sentences with misspelt words, to see whether a layer's state of them stays put."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import replace

from extract.structures import Sentence

SHARE = 0.3  # of the words that can be misspelt
_SHORTEST = 4  # letters: shorter words turn into others


def misspell(sentences: Sequence[Sentence], seed: int, share: float = SHARE) -> list[Sentence]:
    """Copies in which each longer word has, with probability `share`, one letter swapped with the next,
    left out or replaced. Annotation and context are dropped; the words stay as many.

    Skean et al. 2025, Layer by Layer: Uncovering Hidden Representations in Language Models, who
    perturb prompts by characters. Differs from the paper: first and last letters are kept, no word is split.
    """
    draw = random.Random(seed)
    return [
        Sentence(
            tuple(replace(token, text=_misspell(token.text, share, draw)) for token in s.tokens),
            id=s.id,
        )
        for s in sentences
    ]


def _misspell(word: str, share: float, draw: random.Random) -> str:
    if len(word) < _SHORTEST or not word.isalpha() or draw.random() >= share:
        return word
    at = draw.randrange(1, len(word) - 2)
    edit = draw.choice(("swap", "drop", "replace"))
    if edit == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    new = "" if edit == "drop" else draw.choice(string.ascii_lowercase)
    return word[:at] + new + word[at + 1 :]
