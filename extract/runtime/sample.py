"""Sentences that come with tripack: what a graph is traced and scaled on, and compared with PyTorch."""

from __future__ import annotations

from pathlib import Path

from extract.encoder.sentences import split_sentences
from extract.structures import Sentence

_FILE = Path(__file__).with_name("sentences.txt")


def sample_sentences() -> list[Sentence]:
    """Some sixty English sentences, from 2 to 40 words, most of which state a fact or several."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return [
        Sentence(tuple(words), id=f"sample#{number}-{part}", doc_id="sample")
        for number, line in enumerate(lines)
        for part, words in enumerate(split_sentences(line))
    ]
