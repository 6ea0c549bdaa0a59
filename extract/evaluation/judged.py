"""What of a prediction a corpus can judge."""

from __future__ import annotations

from dataclasses import replace

from extract.schema import Schema
from extract.structures import Entity, Sentence

UNTYPED = "Entity"  # the one label of corpora that mark spans, not types


def judged(sentence: Sentence, schema: Schema, *, typed: bool) -> Sentence:
    """What of a prediction a corpus annotates.

    A model of several corpora also finds what one of them leaves out, which that one's gold can
    neither confirm nor deny. Where types are not annotated, all entities are of the type "Entity".

    Args:
        schema: what the corpus annotates; relations and qualifiers of other names are left out.
        typed: whether it annotates types.
    """
    relations, qualifiers = set(schema.relation_names), set(schema.qualifier_names)

    def as_typed(entity: Entity) -> Entity:
        return entity if typed else replace(entity, label=UNTYPED)

    return replace(
        sentence,
        entities=tuple(as_typed(entity) for entity in sentence.entities),
        triples=tuple(
            replace(
                triple,
                subject=as_typed(triple.subject),
                object=as_typed(triple.object),
                qualifiers=tuple(
                    replace(qualifier, value=as_typed(qualifier.value))
                    for qualifier in triple.qualifiers
                    if qualifier.label in qualifiers
                ),
            )
            for triple in sentence.triples
            if triple.relation in relations
        ),
    )
