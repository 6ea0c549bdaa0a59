"""What of a prediction a corpus can judge, and how it is scored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extract.schema import EntityType, QualifierType, Relation, Schema
from extract.structures import Qualifier
from extract.training.corpora import UNTYPED, CorpusData
from extract.training.finish import dev_f1, judged
from tests.extract.cases import sentence_of

SENTENCE = sentence_of(
    "Ann joined Acme",
    [(0, 1, "PER"), (2, 3, "ORG")],
    [(0, "employer", 1, []), (0, "owned by", 1, [])],
)


def corpus(*, typed: bool, qualifiers: tuple[str, ...] = ()) -> CorpusData:
    schema = Schema(
        (EntityType("PER"), EntityType("ORG")),
        (Relation("employer"),),
        tuple(QualifierType(name) for name in qualifiers),
    )
    return CorpusData("c", [], [], schema, "strict", typed)


def test_relations_that_are_not_annotated_are_not_judged() -> None:
    kept = judged(SENTENCE, corpus(typed=True))
    assert [t.relation for t in kept.triples] == ["employer"]
    assert kept.entities == SENTENCE.entities


def test_types_that_are_not_annotated_become_one() -> None:
    kept = judged(SENTENCE, corpus(typed=False))
    assert {e.label for e in kept.entities} == {UNTYPED}
    assert {kept.triples[0].subject.label, kept.triples[0].object.label} == {UNTYPED}


def test_qualifiers_that_are_not_annotated_are_not_judged() -> None:
    first = SENTENCE.triples[0]
    qualified = replace(
        SENTENCE,
        triples=(
            replace(first, qualifiers=tuple(Qualifier(x, first.object) for x in ("when", "where"))),
        ),
    )
    kept = judged(qualified, corpus(typed=True, qualifiers=("when",)))
    assert [q.label for q in kept.triples[0].qualifiers] == ["when"]


def test_entity_metric_counts_nested_spans_and_their_types_and_no_triples() -> None:
    gold = sentence_of(
        "the University of Oslo Press", [(1, 5, "ORG"), (1, 4, "ORG"), (3, 4, "LOC")]
    )
    pred = sentence_of(
        "the University of Oslo Press", [(1, 5, "ORG"), (1, 4, "LOC"), (3, 4, "LOC")]
    )
    assert dev_f1([gold], [gold], "entity") == 1
    assert dev_f1([gold], [pred], "entity") == pytest.approx(2 / 3)
    assert dev_f1([SENTENCE], [replace(SENTENCE, triples=())], "entity") == 1
