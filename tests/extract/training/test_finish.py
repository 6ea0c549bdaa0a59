"""What of a prediction a corpus can judge, and how it is scored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from corpora.base import Example
from extract.evaluation.judged import UNTYPED, judged
from extract.schema import EntityType, QualifierType, Relation, Schema
from extract.structures import Qualifier
from extract.training.corpora import CorpusData
from extract.training.finish import DevPart, dev_f1
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
    kept = judged(SENTENCE, corpus(typed=True).schema, typed=True)
    assert [t.relation for t in kept.triples] == ["employer"]
    assert kept.entities == SENTENCE.entities


def test_types_that_are_not_annotated_become_one() -> None:
    kept = judged(SENTENCE, corpus(typed=False).schema, typed=False)
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
    kept = judged(qualified, corpus(typed=True, qualifiers=("when",)).schema, typed=True)
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


@pytest.mark.parametrize(("metric", "f1"), [("partial", 1.0), ("exact", 1.0), ("strict", 2 / 3)])
def test_gold_known_by_texts_counts_where_texts_are_compared(metric: str, f1: float) -> None:
    pred, gold = SENTENCE, replace(SENTENCE, triples=SENTENCE.triples[:1])
    example = Example("Ann joined Acme", gold, (("Ann", "owned by", "Acme"),))
    part = DevPart(replace(corpus(typed=True), dev=[example], metric=metric), [example], [])
    assert part.f1([pred]) == pytest.approx(f1)
    assert part.f1([pred], "boundary") == pytest.approx(2 / 3)
