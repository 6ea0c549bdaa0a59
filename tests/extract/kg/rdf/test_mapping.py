"""A graph as RDF: what each style says, and that all of the graph is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import BlankNode, DefaultGraph, Literal, RdfFormat, Store, Triple

from extract.errors import InputError
from extract.kg.builder import build_graph
from extract.kg.facts import facts_of
from extract.kg.rdf import STYLES, Names, Run, graph_quads, make_style, runs_of
from extract.kg.structures import Graph, Node, Statement, StatementQualifier, Value
from tests.extract.kg.graphs import MODEL, PARKER, documents, graph

# How each style leads from a statement (?st) to its ends (?s, ?p, ?o), and from a qualifier's to its value.
STATEMENTS = {
    "rdf12": "?st rdf:reifies <<( ?s ?p ?o )>>",
    "reification": "?st rdf:subject ?s ; rdf:predicate ?p ; rdf:object ?o",
    "wikidata": "?e wikibase:directClaim ?p ; wikibase:claim ?c ; wikibase:statementProperty ?ps . "
    "?s ?c ?st . ?st ?ps ?o",
}
QUALIFIERS = {
    "rdf12": "?q rdf:reifies <<( ?st ?role ?v )>>",
    "reification": "?q rdf:subject ?st ; rdf:predicate ?role ; rdf:object ?v",
    "wikidata": "?q rdf:subject ?st ; rdf:predicate ?role ; rdf:object ?v",
}
EVERY_STYLE = pytest.mark.parametrize("style", list(STYLES))


def stored(of: Graph, style: str, runs: Iterable[Run] = ()) -> Store:
    store = Store()
    store.extend(graph_quads(of, style=style, runs=runs))
    return store


def ask(store: Store, query: str) -> set[tuple[str, ...]]:
    found = store.query(query, prefixes=Names().prefixes)
    return {tuple(term.value for term in row) for row in found}


@EVERY_STYLE
def test_statements_are_found_again_with_ends_and_score(style: str) -> None:
    made, names = graph(), Names()
    query = f"SELECT ?st ?s ?p ?o ?score {{ {STATEMENTS[style]} . ?st a tp:Statement ; tp:score ?score }}"
    expected = {
        (
            names.statement(s.id),
            names.entity(s.subject),
            names.relation(s.relation, s.relation_id),
            s.object.lexical if isinstance(s.object, Value) else names.entity(s.object),
            str(round(s.score, 6)),
        )
        for s in made.statements.values()
    }
    assert len(expected) == 5
    assert ask(stored(made, style), query) == expected


@EVERY_STYLE
def test_plain_triples_are_there_in_every_style(style: str) -> None:
    query = "SELECT ?a ?b { ?s wdt:P69 ?o . ?s rdfs:label ?a . ?o rdfs:label ?b }"
    assert ask(stored(graph(), style), query) == {("Leonard Parker", "Harvard")}


@EVERY_STYLE
def test_qualifier_hangs_on_its_statement_with_its_own_score(style: str) -> None:
    store = stored(graph(), style)
    query = f"""SELECT ?a ?v ?score {{ {STATEMENTS[style]} . {QUALIFIERS[style]} .
        ?st pq:P582 ?v . ?q tp:score ?score . ?s rdfs:label ?a }}"""
    assert ask(store, query) == {("Leonard Parker", "1967", "0.81")}
    year = next(
        iter(store.query("SELECT ?v { ?s <http://www.wikidata.org/prop/qualifier/P582> ?v }"))
    )[0]
    assert isinstance(year, Literal) and year.datatype.value.endswith("#gYear")


@EVERY_STYLE
def test_evidence_gives_span_text_document_and_run(style: str) -> None:
    query = """SELECT ?document ?start ?end ?text ?sentence ?model ?score {
        ?s wdt:P108 ?o . ?o rdfs:label "Yale" . ?x itsrdf:taIdentRef ?o .
        ?evidence tp:object ?x ; tp:subject ?span ; oa:hasSource ?source ; tp:score ?score ;
          oa:hasSelector/oa:exact ?sentence ; prov:wasGeneratedBy ?run .
        ?st prov:wasDerivedFrom ?evidence ; a tp:Statement .
        ?source dcterms:identifier ?document . ?span oa:start ?start ; oa:end ?end ; oa:exact ?text .
        ?run a prov:Activity ; prov:used ?source ; prov:wasAssociatedWith/rdfs:label ?model }"""
    expected = ("doc/1", "54", "60", "Parker", PARKER[54:], MODEL, "0.9")
    assert ask(stored(graph(), style), query) == {expected}


@EVERY_STYLE
def test_entity_has_label_alias_type_and_all_its_mentions(style: str) -> None:
    query = """SELECT ?alias ?type ?document ?start {
        ?e rdfs:label "Leonard Parker" ; skos:altLabel ?alias ; a/rdfs:label ?type .
        ?span itsrdf:taIdentRef ?e ; oa:start ?start ; dcterms:isPartOf/dcterms:identifier ?document }"""
    places = {("doc/1", "0"), ("doc/1", "54"), ("doc 2", "0")}
    assert ask(stored(graph(), style), query) == {("Parker", "PER", *place) for place in places}


@EVERY_STYLE
def test_one_run_a_document_with_its_digest(style: str) -> None:
    query = """SELECT ?id ?digest {
        ?run a prov:Activity ; tp:digest ?digest ; prov:used/dcterms:identifier ?id }"""
    found = ask(stored(graph(), style, runs_of(documents())), query)
    assert found == {(one.document, one.digest) for one in documents()}


@EVERY_STYLE
def test_no_blank_nodes_and_no_order(style: str) -> None:
    forwards, backwards = (
        stored(build_graph(found), style) for found in (documents(), documents()[::-1])
    )
    assert set(forwards) == set(backwards)
    assert not any(isinstance(term, BlankNode) for quad in forwards for term in quad)


@pytest.mark.parametrize("style", ["reification", "wikidata"])
def test_styles_of_rdf_1_1_have_no_triple_terms(style: str) -> None:
    assert not any(isinstance(quad.object, Triple) for quad in stored(graph(), style))


def test_namespace_is_that_of_all_own_iris() -> None:
    quads = list(graph_quads(graph(), names=Names("https://example.org/kg/")))
    iris = {quad.subject.value for quad in quads}
    assert all(
        iri.startswith(("https://example.org/kg/", "http://www.wikidata.org/")) for iri in iris
    )


def test_unknown_style_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'owl'.*rdf12, reification, wikidata"):
        make_style("owl")


HOSTILE = [
    '"quoted" \\ back',
    "line\nbreak\r\ttab",
    "</script><script>",
    "'; DROP ALL; SELECT * {?s ?p ?o} #",
    "\u202eright to left\u202c שלום",
    "\x00\x07\x1b[31m\ufffe",
    "x" * 100_000,
    "🙂e\u0301",
    "> . <urn:a> <urn:b>",
    "%41_%5F %20",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("style", list(STYLES))
def test_hostile_text_comes_back_unchanged_from_nquads_and_turtle(text: str, style: str) -> None:
    ends = [{"text": text, "start": 0, "end": len(text), "label": text}] * 2
    qualifier = {"label": text, "label_id": None, "value": ends[0], "score": 0.5}
    triple = {"subject": ends[0], "relation": text, "object": ends[1], "qualifiers": [qualifier]}
    record = {"id": text, "text": text, "entities": ends, "triples": [triple], "model": text}
    store = stored(build_graph([facts_of(record)]), style)
    for format in (RdfFormat.N_QUADS, RdfFormat.TURTLE):
        again = Store()
        source = DefaultGraph() if format == RdfFormat.TURTLE else None
        again.load(store.dump(format=format, from_graph=source), format=format)
        assert set(again) == set(store)
    assert ask(store, "SELECT ?t { ?e rdfs:label ?t . [] itsrdf:taIdentRef ?e }") == {(text,)}
    assert (text,) in ask(store, "SELECT ?id { ?d dcterms:identifier ?id }")


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    lone = Graph({"a": Node("a", "x\ud83d", None, (), ("a",), ())}, {})
    assert ask(stored(lone, "rdf12"), "SELECT ?t { ?e rdfs:label ?t }") == {("x\ufffd",)}


SCORES = st.floats(0, 1, allow_nan=False)
VALUES = st.one_of(
    st.sampled_from(["a", "b"]),
    st.builds(
        Value,
        st.sampled_from(["1967", "-0044", "1.50", "007", "no date", ""]),
        st.sampled_from(["gYear", "date", "decimal", "integer", "string"]),
        st.just(""),
    ),
)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(VALUES, SCORES, st.sampled_from(["P1", "P2", None])), max_size=6),
    VALUES,
    SCORES,
)
def test_styles_agree_on_the_qualifiers_of_any_statement(
    qualifiers: list[tuple[str | Value, float, str | None]], object_: str | Value, score: float
) -> None:
    distinct = {
        (id, v if isinstance(v, str) else (v.lexical, v.datatype)): (v, s)
        for v, s, id in qualifiers
    }
    own = tuple(StatementQualifier(f"label {id}", id, v, s) for (id, _), (v, s) in distinct.items())
    nodes = {id: Node(id, id, None, (), (id,), ()) for id in "ab"}
    made = Graph(nodes, {"s": Statement("s", "a", "r", "P3", object_, own, score, ())})
    found = {
        style: ask(
            stored(made, style),
            f"SELECT ?q ?role ?v ?x {{ {QUALIFIERS[style]} . ?st a tp:Statement . ?q tp:score ?x }}",
        )
        for style in STYLES
    }
    assert found["rdf12"] == found["wikidata"] == found["reification"]
    assert len({row[0] for row in found["rdf12"]}) == len(own)
    changed = replace(made, statements={})
    assert len(stored(changed, "rdf12")) == 2
