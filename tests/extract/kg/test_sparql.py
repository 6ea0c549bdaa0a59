"""What queries may say about statements, and what becomes of those that cannot be answered."""

from __future__ import annotations

import pytest
from pyoxigraph import RdfFormat, Store, parse

from extract.errors import InputError
from extract.kg.rdf import Names, graph_quads
from extract.kg.sparql import rows, run_query, serialized, shown
from tests.extract.kg.graphs import graph

PREFIXES = Names().prefixes
EDUCATED = "<<( ent:0db62bf2b5fca26da8db wdt:P69 ent:d3c30ee29e9e34fda034 )>>"


@pytest.fixture(scope="module")
def rdf() -> Store:
    store = Store()
    store.extend(graph_quads(graph()))
    return store


@pytest.mark.parametrize(
    "pattern",
    [
        "?st rdf:reifies <<( ?s wdt:P69 ?o )>> ; tp:score ?x",
        "<< ?s wdt:P69 ?o >> tp:score ?x",
        "<< ?s wdt:P69 ?o ~ ?st >> tp:score ?x",
        "?s wdt:P69 ?o {| tp:score ?x |}",
        "?s wdt:P69 ?o ~ ?st . ?st tp:score ?x",
        "?st rdf:reifies ?t ; tp:score ?x FILTER(isTRIPLE(?t) && PREDICATE(?t) = wdt:P69)",
        "?st rdf:reifies ?t ; tp:score ?x FILTER(PREDICATE(?t) = wdt:P69 && isIRI(SUBJECT(?t)))",
        "?s wdt:P69 ?o BIND(TRIPLE(?s, wdt:P69, ?o) AS ?t) ?st rdf:reifies ?t ; tp:score ?x",
    ],
)
def test_reified_statements_are_found_by_every_form(rdf: Store, pattern: str) -> None:
    found = run_query(rdf, f"SELECT ?x {{ {pattern} }}", PREFIXES)
    assert rows(found, PREFIXES) == [["x"], ["0.99"]]


def test_triple_terms_are_shown_and_written(rdf: Store) -> None:
    query = "SELECT ?t { ?st rdf:reifies ?t . ?st pq:P582 ?v }"
    assert rows(run_query(rdf, query, PREFIXES), PREFIXES)[1] == [EDUCATED]
    construct = "CONSTRUCT { ?st rdf:reifies ?t } { ?st rdf:reifies ?t ; pq:P582 ?v }"
    for name, format in (("turtle", RdfFormat.TURTLE), ("ntriples", RdfFormat.N_TRIPLES)):
        written = serialized(run_query(rdf, construct, PREFIXES), name, PREFIXES)
        (triple,) = parse(written, format=format)
        assert shown(triple.object, PREFIXES) == EDUCATED


def test_turtle_is_the_same_each_time(rdf: Store) -> None:
    query = "DESCRIBE ent:0db62bf2b5fca26da8db"
    written = [serialized(run_query(rdf, query, PREFIXES), "turtle", PREFIXES) for _ in range(5)]
    assert len(set(written)) == 1 and written[0].startswith(b"@prefix dcterms:")


def test_longest_fitting_prefix_shortens_and_unknown_iris_stand_whole(rdf: Store) -> None:
    query = "SELECT * { VALUES (?a ?b ?c ?d) { (wd:P1 st:x <http://elsewhere.org/> UNDEF) } }"
    found = rows(run_query(rdf, query, PREFIXES), PREFIXES)
    assert found == [["a", "b", "c", "d"], ["wd:P1", "st:x", "<http://elsewhere.org/>", ""]]


@pytest.mark.parametrize(
    "query", ["", "SELECT", "DELETE WHERE { ?s ?p ?o }", "SELECT * { ?s x:y ?o }"]
)
def test_what_is_no_query_is_an_input_error_that_lists_prefixes(rdf: Store, query: str) -> None:
    with pytest.raises(InputError, match=r"not SPARQL: .* tp, type, wd, wdt, wikibase, xsd\."):
        run_query(rdf, query, PREFIXES)


def test_error_met_while_solutions_are_read_is_an_input_error(rdf: Store) -> None:
    query = "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }"
    with pytest.raises(InputError, match="The query cannot be evaluated: "):
        rows(run_query(rdf, query, PREFIXES), PREFIXES)
    with pytest.raises(InputError, match="The query cannot be evaluated: "):
        serialized(run_query(rdf, query, PREFIXES), "json", PREFIXES)
