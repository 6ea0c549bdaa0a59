"""Schemas: checks, JSON round trip, and what is inferred from annotated sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import SchemaError
from extract.schema import EntityType, QualifierType, Relation, Schema
from tests.extract.cases import sentence_of

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
names = st.lists(texts.filter(bool), unique=True, max_size=4)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Any schema; parents come before what is below them, so there is no cycle."""
    types, relations, qualifiers = draw(names), draw(names), draw(names)
    some = lambda of: st.lists(st.sampled_from(of), unique=True).map(tuple) if of else st.just(())  # noqa: E731
    ids, counts = st.none() | texts.filter(bool), st.integers(0, 9)
    aliases = st.lists(texts, max_size=2).map(tuple)
    one = st.sampled_from(types or ("",))
    pairs = st.lists(st.tuples(one, one, counts), max_size=2 if types else 0).map(tuple)
    return Schema(
        tuple(
            EntityType(
                n,
                draw(ids),
                draw(texts),
                parents=draw(some(types[:i])),
                aliases=draw(aliases),
                iri=draw(ids),
                count=draw(counts),
            )
            for i, n in enumerate(types)
        ),
        tuple(
            Relation(
                n,
                draw(ids),
                draw(texts),
                draw(some(types)),
                draw(some(types)),
                draw(st.booleans()),
                draw(st.none() | st.sampled_from(relations)),
                draw(st.booleans()),
                parents=draw(some(relations[:i])),
                aliases=draw(aliases),
                iri=draw(ids),
                count=draw(counts),
                pairs=draw(pairs),
            )
            for i, n in enumerate(relations)
        ),
        tuple(
            QualifierType(n, draw(ids), draw(texts), draw(some(relations)), draw(some(types)))
            for n in qualifiers
        ),
        draw(texts),
    )


@given(schemas())
def test_json_round_trip_gives_an_equal_schema(schema: Schema) -> None:
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


def test_disjoint_types_make_the_json_round_trip() -> None:
    schema = Schema((EntityType("A", disjoint=("B",)), EntityType("B", disjoint=("A",))))
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


def test_what_is_below_is_found_in_the_schema_order() -> None:
    schema = Schema(
        (EntityType("City", parents=("Place",)), EntityType("Place"), EntityType("Person")),
        (
            Relation("near", domain=("Place",), range=("Place",)),
            Relation("next to", parents=("near",), domain=("City",)),
        ),
    )
    assert schema.subtypes(["Place"]) == ("City", "Place")
    assert schema.subtypes(["City"]) == ("City",)
    assert schema.subtypes([]) == ()
    assert schema.subrelations(["near"]) == ("near", "next to")
    assert schema.relations_between("City", "City") == ["near", "next to"]
    assert schema.relations_between("Place", "City") == ["near"]
    assert schema.relations_between("City", "Person") == ["next to"]


def test_file_round_trip_keeps_order_and_scripts(tmp_path: Path) -> None:
    schema = Schema(
        (EntityType("場所"), EntityType("A😀")), (Relation("b"), Relation("a", domain=("場所",)))
    )
    schema.write(tmp_path / "schema.json")
    read = Schema.read(tmp_path / "schema.json")
    assert read == schema
    assert read.relation_names == ["b", "a"]
    assert "場所" in (tmp_path / "schema.json").read_text(encoding="utf-8")


def test_bare_names_are_items_and_lookup_gives_the_relation() -> None:
    schema = Schema.from_dict({"entity_types": ["A"], "relations": ["r"], "qualifiers": ["q"]})
    assert schema.relation("r") == Relation("r")
    assert (schema.entity_names, schema.qualifier_names, schema.name) == (["A"], ["q"], "schema")
    with pytest.raises(SchemaError, match=r"Unknown relation 's'. Expected one of: r."):
        schema.relation("s")
    assert schema.with_name("other").name == "other"


A = {"name": "A"}
BAD: list[tuple[Any, str]] = [
    (
        [],
        "Expected a JSON object with lists 'entity_types', 'relations' and 'qualifiers', got list",
    ),
    ({"relations": []}, "got dict ['relations']"),
    ({"entity_types": {}}, "got dict ['entity_types']"),
    ({"entity_types": [], "types": []}, "Unknown keys in a schema: types. Remove them."),
    ({"entity_types": [], "relations": {}}, "Expected 'relations' to be a list, got dict."),
    (
        {"entity_types": [3]},
        "Expected item 0 of 'entity_types' to be an object with a 'name', got 3.",
    ),
    ({"entity_types": [A, {"id": "x"}]}, "Expected item 1 of 'entity_types'"),
    (
        {"entity_types": [{"name": "A", "colour": 1}]},
        "unknown keys ['colour']. Expected some of: name,",
    ),
    ({"entity_types": [A, A]}, "to have a name of its own, got 'A' 2 times. Rename one."),
    ({"entity_types": [{"name": ""}]}, "to have a name of its own, got '' 1 times."),
    (
        {"entity_types": [A], "relations": [{"name": "r", "domain": ["B"]}]},
        "In 'r' of schema 'schema': Unknown entity type 'B'. Expected one of: A.",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "range": ["B"]}]},
        "Unknown entity type 'B'",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "inverse": "s"}]},
        "In 'r' of schema 'schema': Unknown relation 's'. Expected one of: r.",
    ),
    (
        {
            "entity_types": [A],
            "relations": ["r"],
            "qualifiers": [{"name": "q", "relations": ["s"]}],
        },
        "In 'q' of schema 'schema': Unknown relation 's'",
    ),
    (
        {"entity_types": [A], "qualifiers": [{"name": "q", "range": ["B"]}]},
        "Unknown entity type 'B'",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "domain": "A"}]},
        "Expected 'domain' of 'r' to be a list of names, got 'A'.",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "range": [1]}]},
        "to be a list of names, got [1].",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "symmetric": 1}]},
        "Expected 'symmetric' of 'r' to be true or false, got 1.",
    ),
    (
        {"entity_types": [{"name": "A", "parents": ["B"]}, {"name": "B", "parents": ["A"]}]},
        "Expected parents of schema 'schema' without a cycle, got ",
    ),
    ({"entity_types": [{"name": "A", "parents": ["A"]}]}, "got A -> A. Remove one"),
    ({"entity_types": [{"name": "A", "parents": ["B"]}]}, "Unknown entity type 'B'"),
    ({"entity_types": [{"name": "A", "disjoint": ["B"]}]}, "Unknown entity type 'B'"),
    ({"entity_types": [{"name": "A", "disjoint": ["A"]}]}, "are disjoint, but 'A' is both"),
    (
        {"entity_types": [A], "relations": [{"name": "r", "parents": ["s"]}]},
        "In 'r' of schema 'schema': Unknown relation 's'. Expected one of: r.",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "pairs": [["A", "B", 1]]}]},
        "Unknown entity type 'B'",
    ),
    (
        {"entity_types": [A], "relations": [{"name": "r", "pairs": [["A", "A"]]}]},
        "to be a list of [subject type, object type, count], got [['A', 'A']].",
    ),
    (
        {"entity_types": [{"name": "A", "count": -1}]},
        "Expected 'count' of 'A' to be a whole number of at least 0, got -1.",
    ),
    ({"entity_types": [{"name": "A", "count": True}]}, "of at least 0, got True."),
    ({"entity_types": [{"name": "A", "id": 3}]}, "Expected 'id' of 'A' to be a text, got 3."),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=range(len(BAD)))
def test_bad_schema_says_what_is_wrong_in_one_line(data: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(message)) as caught:
        Schema.from_dict(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Cannot read schema .*No such file"),
        (b"{", "is not JSON in UTF-8"),
        (b"\xff\xfe", "is not JSON in UTF-8"),
        (b"[]", r"Schema .*schema.json: Expected a JSON object"),
    ],
)
def test_bad_file_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SchemaError, match=message) as caught:
        Schema.read(path)
    assert str(path) in str(caught.value)


PEOPLE = [
    sentence_of(
        "Ann Bo Lund 1999",
        [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "LOC"), (3, 4, "TIME")],
        [
            (0, "spouse", 1, [("start time", 3)]),
            (1, "spouse", 0, []),
            (0, "born in", 2, []),
        ],
        {"spouse": "P26", "start time": "P580"},
    ),
    sentence_of(
        "Acme Lund 2001",
        [(0, 1, "ORG"), (1, 2, "LOC"), (2, 3, "YEAR")],
        [(0, "born in", 1, [("start time", 2)])],
        {"born in": "P19"},
    ),
]


def test_infer_collects_type_pairs_ids_symmetry_and_qualifier_use() -> None:
    schema = Schema.infer(PEOPLE, "people")
    assert schema.name == "people"
    assert schema.entity_names == ["LOC", "ORG", "PER", "TIME", "YEAR"]
    assert schema.relations == (
        Relation("born in", "P19", domain=("ORG", "PER"), range=("LOC",)),
        Relation("spouse", "P26", domain=("PER",), range=("PER",), symmetric=True),
    )
    assert schema.qualifiers == (
        QualifierType(
            "start time", "P580", relations=("born in", "spouse"), range=("TIME", "YEAR")
        ),
    )


def test_infer_does_not_depend_on_order() -> None:
    # "born in" has an id in one sentence only, "start time" likewise.
    assert Schema.infer(PEOPLE[::-1], "people") == Schema.infer(PEOPLE, "people")


def test_infer_one_way_pair_is_not_symmetric() -> None:
    pairs = [(0, 1, "PER"), (1, 2, "PER")]
    both = sentence_of("Ann Bo", pairs, [(0, "r", 1, []), (1, "r", 0, [])])
    one = sentence_of("Ann Bo", pairs, [(0, "r", 1, [])])
    assert Schema.infer([both]).relation("r").symmetric
    assert not Schema.infer([both, one]).relation("r").symmetric
    assert not Schema.infer([one, both]).relation("r").symmetric


def test_infer_relation_and_qualifier_of_one_name_keep_their_ids() -> None:
    sentence = sentence_of(
        "Ann mayor", [(0, 1, "PER"), (1, 2, "JOB")], [(0, "position", 1, [("position", 1)])]
    )
    from dataclasses import replace

    triple = replace(sentence.triples[0], relation_id="P39")
    schema = Schema.infer([replace(sentence, triples=(triple,))])
    assert schema.relations[0].id == "P39"
    assert schema.qualifiers[0].id is None


def test_infer_of_nothing_is_empty() -> None:
    assert Schema.infer([]) == Schema((), (), (), "inferred")
