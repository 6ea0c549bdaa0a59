"""What is trained of sentences that state more than their annotation does."""

from __future__ import annotations

from dataclasses import replace

from corpora.base import Example
from extract.schema import Schema
from extract.training.data import Annotated
from extract.training.stated import annotated_sentences
from tests.extract.cases import sentence_of

SENTENCE = sentence_of(
    "Ann met Bo in Oslo",
    [(0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC")],
    [(0, "met", 1, []), (1, "in", 2, [])],
)
SCHEMA = Schema.infer([SENTENCE])  # relations: in, met
IN, MET = range(2)
ALL = Annotated.by(SCHEMA, SCHEMA)


def example(number: int, *relations: str, unaligned: tuple[str, ...] = ()) -> Example:
    triples = tuple(t for t in SENTENCE.triples if t.relation in relations)
    sentence = replace(SENTENCE, id=f"s{number}", triples=triples)
    return Example("Ann met Bo in Oslo", sentence, tuple(("x", r, "y") for r in unaligned))


def test_incomplete_sentences_train_what_they_state() -> None:
    (one,) = annotated_sentences([example(1, "met")], ALL, SCHEMA, 0.0)
    assert one.relations == {MET}
    assert one.entity_types == frozenset()
    assert one.qualifiers == ALL.qualifiers


def test_complete_sentences_train_all_but_what_is_stated_of_absent_names() -> None:
    whole, lost, both = annotated_sentences(
        [
            example(1, "met"),
            example(2, "met", unaligned=("in",)),
            example(3, "met", unaligned=("met",)),
        ],
        ALL,
        SCHEMA,
        1.0,
    )
    assert whole == both == ALL
    assert lost.relations == {MET}
    assert lost.entity_types == ALL.entity_types


def test_share_of_complete_sentences_is_drawn_by_id() -> None:
    examples = [example(number, "met") for number in range(2000)]
    found = annotated_sentences(examples, ALL, SCHEMA, 0.2)
    assert 300 < sum(one == ALL for one in found) < 500
    assert found[::-1] == annotated_sentences(examples[::-1], ALL, SCHEMA, 0.2)
