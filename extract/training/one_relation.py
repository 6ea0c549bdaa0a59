"""A corpus example whose triples say that their ends are related, and not how."""

from __future__ import annotations

from dataclasses import replace

from corpora.base import Example
from extract.structures import Triple

RELATED = "related"


def one_relation(example: Example) -> Example:
    """The example with one triple for each ordered pair of entities that has some, without qualifiers."""
    pairs = dict.fromkeys((t.subject, t.object) for t in example.sentence.triples)
    triples = tuple(Triple(subject, RELATED, object_) for subject, object_ in pairs)
    unaligned = dict.fromkeys((s, RELATED, o) for s, _, o in example.unaligned)
    return replace(
        example,
        sentence=replace(example.sentence, triples=triples),
        unaligned=tuple(unaligned),
    )
