"""Counts of type pairs and cardinalities, worked out by hand."""

from __future__ import annotations

from extract.schema import Schema
from extract.schemas.evidence import infer
from tests.extract.cases import sentence_of

SENTENCES = [
    sentence_of(
        "Ann Bo Lund Oslo",
        [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "LOC"), (3, 4, "LOC")],
        [
            (0, "knows", 1, []),
            (1, "knows", 0, []),
            (0, "lives in", 2, []),
            (0, "lives in", 3, []),
            (1, "lives in", 3, []),
        ],
    ),
    sentence_of(
        "Acme Lund", [(0, 1, "ORG"), (1, 2, "LOC")], [(0, "lives in", 1, []), (0, "in", 1, [])]
    ),
]


def test_pairs_cardinalities_and_mirrored_triples_are_counted() -> None:
    found = infer(SENTENCES, "s")
    lives, knows = found.relations["lives in"], found.relations["knows"]
    assert found.sentences == 2
    assert lives.pairs == {("PER", "LOC"): 3, ("ORG", "LOC"): 1}
    assert lives.subjects == {2: 1, 1: 2}  # Ann has two, Bo and Acme one
    assert lives.objects == {1: 2, 2: 1}  # Oslo has two
    assert (lives.functional, lives.inverse_functional, lives.mirrored) == (False, False, 0)
    assert (knows.functional, knows.inverse_functional, knows.mirrored) == (True, True, 2)
    assert found.to_dict()["relations"]["lives in"] == {
        "count": 4,
        "pairs": [["PER", "LOC", 3], ["ORG", "LOC", 1]],
        "objects_per_subject": {"1": 2, "2": 1},
        "subjects_per_object": {"1": 2, "2": 1},
        "functional": False,
        "inverse_functional": False,
        "mirrored": 0,
    }


def test_the_schema_is_the_inferred_one_with_counts() -> None:
    schema = infer(SENTENCES, "s").schema
    assert {t.name: t.count for t in schema.entity_types} == {"LOC": 3, "ORG": 1, "PER": 2}
    assert schema.relation("lives in").pairs == (("ORG", "LOC", 1), ("PER", "LOC", 3))
    assert schema.relation("lives in").count == 4
    plain = Schema.infer(SENTENCES, "s")
    assert schema.relation_names == plain.relation_names
    for counted, own in zip(schema.relations, plain.relations, strict=True):
        assert (counted.domain, counted.range, counted.symmetric, counted.functional) == (
            *(own.domain, own.range, own.symmetric),
            False,
        )
    assert (
        Schema.from_dict(schema.to_dict() | {"relations": []}).entity_names == schema.entity_names
    )


def test_relations_become_functional_only_from_enough_subjects() -> None:
    def functional(least: int) -> list[str]:
        schema = infer(SENTENCES, "s", functional_from=least).schema
        return [r.name for r in schema.relations if r.functional]

    assert functional(1) == ["in", "knows"]
    assert functional(2) == ["knows"]
    assert functional(3) == []


def test_nothing_gives_an_empty_schema() -> None:
    found = infer([])
    assert (found.schema, found.sentences, found.relations) == (Schema((), name="inferred"), 0, {})
