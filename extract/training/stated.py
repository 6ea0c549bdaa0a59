"""Sentences that state more than their annotation does: what of it is trained, and what is left open."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

from corpora.base import Example
from extract.schema import Schema
from extract.training.data import Annotated


def annotated_sentences(
    examples: Sequence[Example], annotated: Annotated, schema: Schema, complete: float
) -> list[Annotated]:
    """What each sentence's annotation speaks of.

    A share `complete` of the sentences, drawn by their ids, is taken as it is: what is not marked there is
    not so. Of the others only the relations that they state are trained, since more may hold, and marked
    spans without types, since not all are marked. A relation that is stated only of names which do not
    stand in the sentence is open in all of them.

    Elkan and Noto 2008, Learning Classifiers from Only Positive and Unlabeled Data, treat the unmarked as
    false with a weight. Differs from the paper: the weight is a share of sentences, and relations that a
    sentence states keep their other pairs as false ones.
    """
    return [
        _whole(example, annotated, schema)
        if _draw(example.sentence.id) < complete
        else _stated(example, annotated, schema)
        for example in examples
    ]


def _whole(example: Example, annotated: Annotated, schema: Schema) -> Annotated:
    lost = {relation for _, relation, _ in example.unaligned}
    lost -= {triple.relation for triple in example.sentence.triples}
    return replace(annotated, relations=annotated.relations - schema_places(schema, lost))


def _stated(example: Example, annotated: Annotated, schema: Schema) -> Annotated:
    stated = schema_places(schema, {triple.relation for triple in example.sentence.triples})
    return replace(annotated, entity_types=frozenset(), relations=annotated.relations & stated)


def schema_places(schema: Schema, relations: set[str]) -> frozenset[int]:
    """The indices in a schema of those relations that it has."""
    return frozenset(i for i, name in enumerate(schema.relation_names) if name in relations)


def _draw(id: str) -> float:
    """A number in [0, 1) that depends on the id alone."""
    return zlib.crc32(id.encode()) / 2**32
