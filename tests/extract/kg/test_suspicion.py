"""One graph a finding: what is reported, and what is not."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.kg.findings import KINDS, Finding
from extract.kg.structures import Graph, Mention, Value
from extract.kg.suspicion import suspicions
from extract.kg.time_spans import TimeSpan
from extract.schema import EntityType, Relation, Schema
from tests.extract.kg.made import date, graph_of, year

TODAY = datetime.date(2024, 6, 1)
SCHEMA = Schema(
    (
        EntityType("PER", disjoint=("LOC",)),
        EntityType("LOC"),
        EntityType("CITY", parents=("LOC",)),
    ),
    (
        Relation("capital", domain=("LOC",), range=("LOC",), functional=True, inverse="capital of"),
        Relation("capital of", functional=True, inverse="capital"),
        Relation("knows", symmetric=True),
        Relation("father", domain=("PER",), inverse="child"),
        Relation("child"),
    ),
)
TYPES = {"france": "LOC", "paris": "CITY", "lyon": "LOC", "ann": "PER", "bob": "PER"}


def found(graph: Graph, schema: Schema | None = None) -> list[Finding]:
    return suspicions(graph, schema, today=TODAY)


def kinds(graph: Graph, schema: Schema | None = None) -> list[str]:
    return [finding.kind for finding in found(graph, schema)]


def test_clean_graph_has_no_findings() -> None:
    graph = graph_of(
        ("france", "capital", "paris"),
        ("paris", "capital of", "france"),
        ("ann", "knows", "bob"),
        ("bob", "knows", "ann"),
        ("bob", "father", "ann"),
        ("ann", "child", "bob"),
        ("ann", "date of birth", year(1950)),
        ("ann", "date of birth", date("1950-05-01")),
        ("bob", "date of birth", year(1980)),
        ("ann", "date of death", year(2020)),
        types=TYPES,
    )
    assert found(graph, SCHEMA) == found(graph) == []


def test_functional_relation_with_two_values_names_both_and_their_sentences() -> None:
    graph = graph_of(("france", "capital", "paris"), ("france", "capital", "lyon"), types=TYPES)
    (finding,) = found(graph, SCHEMA)
    assert (finding.kind, finding.statements) == ("functional", ("s0", "s1"))
    assert finding.message == "france has 2 of capital: paris and lyon"
    shown = finding.to_dict(graph)
    assert [s["evidence"][0]["text"] for s in shown["statements"]] == [
        "france capital paris.", "france capital lyon.",
    ]  # fmt: skip
    assert shown["severity"] == "contradiction"
    assert kinds(graph) == []


def test_inverse_functional_relation_with_two_subjects() -> None:
    graph = graph_of(("france", "capital", "paris"), ("lyon", "capital", "paris"), types=TYPES)
    assert kinds(graph, SCHEMA) == ["inverse functional"]


def test_types_outside_domain_and_range() -> None:
    graph = graph_of(("ann", "capital", "bob"), types=TYPES)
    messages = {f.kind: f.message for f in found(graph, SCHEMA)}
    assert messages == {
        "domain": "ann | capital | bob: ann is PER",
        "range": "ann | capital | bob: bob is PER",
    }


def test_range_holds_for_dates_and_numbers_too() -> None:
    graph = graph_of(("ann", "capital", year(1967)), types=TYPES | {"ann": "LOC"})
    statement = graph.statements["s0"]

    def typed(*types: str | None) -> Graph:
        facts = (
            replace(f, object=replace(f.object, type=t)) for t in types for f in statement.evidence
        )
        return replace(graph, statements={"s0": replace(statement, evidence=tuple(facts))})

    schema = replace(SCHEMA, entity_types=(*SCHEMA.entity_types, EntityType("TIME")))
    (finding,) = found(typed("TIME", None), schema)
    assert (finding.kind, finding.message) == ("range", "ann | capital | 1967: 1967 is TIME")
    assert found(typed("TIME", "LOC"), schema) == []
    assert found(typed(None), schema) == []


def test_disjoint_types_of_the_mentions_of_one_node() -> None:
    graph = graph_of(("ann", "knows", "bob"), types=TYPES)
    mentions = tuple(
        Mention("d", i, i + 3, "ann", type) for i, type in enumerate(("PER", "CITY", "PER"))
    )
    graph.nodes["ann"] = replace(graph.nodes["ann"], mentions=mentions)
    (finding,) = found(graph, SCHEMA)
    assert finding.message == "ann is CITY in 1 and PER in 2 mentions"
    assert finding.nodes == ("ann",)


def test_one_way_relation_stated_both_ways_and_a_node_with_itself() -> None:
    graph = graph_of(
        ("ann", "father", "bob"), ("bob", "father", "ann"), ("ann", "knows", "ann"), types=TYPES
    )
    assert kinds(graph, SCHEMA) == ["both ways", "self"]
    many = [(f"a{i}", "above", f"b{i}") for i in range(200)]
    assert kinds(graph_of(*many, ("b0", "above", "a0"))) == ["both ways"]


BORN, DIED = "date of birth", "date of death"


@pytest.mark.parametrize(
    ("kind", "triples"),
    [
        ("death before birth", [("ann", BORN, year(1950)), ("ann", DIED, year(1949))]),
        ("age", [("ann", BORN, year(1850)), ("ann", DIED, year(1972))]),
        ("end before start", [("club", "inception", year(1950)), ("club", "P576", year(1940))]),
        (
            "end before start",
            [("ann", "spouse", "bob", [("start time", year(1990)), ("end time", year(1980))])],
        ),
        ("before birth", [("ann", BORN, year(1950)), ("ann", "joined", year(1949))]),
        (
            "before birth",
            [("ann", BORN, year(1950)), ("ann", "member of", "club", [("start time", year(1940))])],
        ),
        (
            "parent's age",
            [("ann", BORN, year(1950)), ("bob", BORN, year(1960)), ("ann", "father", "bob")],
        ),
        (
            "parent's age",
            [("ann", BORN, year(1950)), ("bob", BORN, year(1960)), ("bob", "child", "ann")],
        ),
        ("future", [("club", "inception", date("2024-06-02"))]),
        ("functional", [("ann", BORN, year(1950)), ("ann", BORN, date("1951-01-01"))]),
    ],
)  # fmt: skip
def test_impossible_dates_are_found(kind: str, triples: list) -> None:
    graph = graph_of(*triples)
    (finding,) = found(graph)
    assert finding.kind == kind
    assert finding.statements and "\n" not in finding.message


@pytest.mark.parametrize(
    "triples",
    [
        [("ann", BORN, year(1950)), ("ann", DIED, date("1950-01-01"))],
        [("ann", BORN, year(1850)), ("ann", DIED, year(1970))],
        [("club", "inception", date("1950-06-01")), ("club", "P576", Value("1950-06", "gYearMonth", ""))],
        [("ann", "spouse", "bob", [("end time", year(1980)), ("start time", year(1970)),
                                   ("start time", year(1990))])],
        [("ann", BORN, year(1950)), ("bob", BORN, year(1950)), ("ann", "father", "bob")],
        [("club", "inception", date("2024-06-01")), ("treaty", "end time", year(2050))],
        [("ann", "published", Value("spring", "string", "spring"))],
        [("ann", BORN, year(1967)), ("ann", BORN, Value("circa 1967", "string", "circa 1967")),
         ("ann", BORN, Value("the 1960s", "string", "the 1960s"))],
    ],
)  # fmt: skip
def test_dates_that_may_be_right_are_not_reported(triples: list) -> None:
    assert found(graph_of(*triples)) == []


def test_relation_between_types_it_hardly_ever_joins() -> None:
    usual = [(f"ann{i}", "born in", f"town{i}") for i in range(60)]
    types = {f"ann{i}": "PER" for i in range(60)} | {f"town{i}": "LOC" for i in range(60)}
    graph = graph_of(*usual, ("town1", "born in", "ann2"), types=types)
    (finding,) = found(graph)
    assert finding.kind == "rare types" and "as 1 of 61 do" in finding.message
    assert found(graph_of(*usual[:10], ("town1", "born in", "ann2"), types=types)) == []


def test_implausible_statements_are_those_below_the_threshold() -> None:
    graph = graph_of(("ann", "knows", "bob"), ("bob", "knows", "cid"))
    found = suspicions(graph, plausibility={"s0": 0.04, "s1": 0.06}, today=TODAY)
    assert [(f.kind, f.statements) for f in found] == [("implausible", ("s0",))]
    assert found[0].severity == "suspicion"


def test_findings_come_by_kind_whatever_the_order_of_statements() -> None:
    graph = graph_of(
        ("ann", "knows", "ann"), ("ann", "capital", "bob"), ("ann", BORN, year(2050)), types=TYPES
    )
    turned = replace(graph, statements=dict(reversed(graph.statements.items())))
    assert found(graph, SCHEMA) == found(turned, SCHEMA)
    order = [list(KINDS).index(kind) for kind in kinds(graph, SCHEMA)]
    assert order == sorted(order) and len(order) == 4


dates = st.one_of(
    st.integers(1, 9999).map(year),
    st.dates().map(lambda d: date(d.isoformat())),
    st.dates().map(lambda d: Value(d.isoformat()[:7], "gYearMonth", "")),
)


@given(dates, dates)
def test_two_dates_are_before_after_or_may_agree(one: Value, other: Value) -> None:
    a, b = TimeSpan.of(one), TimeSpan.of(other)
    assert a is not None and b is not None
    assert [a.before(b), b.before(a), a.agrees(b)].count(True) == 1
    assert a.agrees(a) and not a.before(a)
    if a.before(b):
        assert 0 <= a.least_years_to(b) <= int(other.lexical[:4]) - int(one.lexical[:4])
