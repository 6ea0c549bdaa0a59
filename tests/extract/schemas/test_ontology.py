"""OWL and RDFS: each construct that is read, what is left out, and what is refused."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from extract.errors import SchemaError
from extract.schema import EntityType, Relation, Schema
from extract.schemas import ontology
from extract.schemas.read import read_schema
from tests.conftest import FIXTURES

PEOPLE = FIXTURES / "schemas" / "people.ttl"
BASE = "http://example.org/people#"
PREFIXES = """
@prefix : <http://e.org/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def read_turtle(folder: Path, body: str, language: str = "en") -> Schema:
    path = folder / "some.ttl"
    path.write_text(PREFIXES + body, encoding="utf-8")
    return read_schema(path, language)


def relation_of(folder: Path, ends: str) -> Relation:
    """The relation `:p` with these statements, among classes B and C below A, D below both, and E."""
    classes = (
        ":A a owl:Class . :B a owl:Class ; rdfs:subClassOf :A . "
        ":C a owl:Class ; rdfs:subClassOf :A . :D a owl:Class ; rdfs:subClassOf :B , :C . "
        ":E a owl:Class . "
    )
    return read_turtle(folder, f"{classes} :p a owl:ObjectProperty ; {ends} .").relation("p")


def test_every_construct_of_the_fixture_is_read() -> None:
    schema = read_schema(PEOPLE)
    types = {t.name: t for t in schema.entity_types}
    assert types["Agent"] == EntityType("Agent", "Agent", "Who can act.", iri=BASE + "Agent")
    assert types["human"] == EntityType(
        "human", "Person", "", ("Agent",), ("organisation",), ("Mensch", "person"), BASE + "Person"
    )
    assert types["organisation"].disjoint == ("human",)
    assert types["université"].parents == ("organisation",)
    assert (types["Place"].disjoint, types["Event"].disjoint) == (("Event",), ("Place",))
    assert types["gYear"].iri == "http://www.w3.org/2001/XMLSchema#gYear"
    assert schema.relation("married to") == Relation(
        "married to",
        "spouse",
        domain=("human",),  # of relatedTo, which it is below
        range=("human",),
        symmetric=True,
        functional=True,
        parents=("relatedTo",),
        aliases=("verheiratet mit",),
        iri=BASE + "spouse",
    )
    knows, born = schema.relation("knows"), schema.relation("bornIn")
    assert (knows.domain, knows.range) == ((), ("Agent",))
    assert (born.inverse, born.domain, born.range) == ("birthplace of", ("human",), ("Place",))
    birthplace = schema.relation("birthplace of")
    assert (birthplace.inverse, birthplace.domain, birthplace.range) == (
        "bornIn",
        ("Place",),
        ("human",),
    )
    assert schema.relation("locatedIn").domain == ("organisation", "Place", "Event")
    # An agent that is an organisation too is an organisation.
    assert schema.relation("founded").domain == ("organisation",)
    assert schema.relation("founded").range == ("gYear",)


def test_a_subtype_satisfies_the_domain_of_its_supertype() -> None:
    schema = read_schema(PEOPLE)
    assert "locatedIn" in schema.relations_between("université", "City")
    assert "locatedIn" not in schema.relations_between("human", "City")
    assert schema.relations_between("human", "human") == ["relatedTo", "married to", "knows"]


def test_what_is_left_out_is_counted_in_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            noted.append(record.getMessage())

    noted: list[str] = []
    monkeypatch.setattr(ontology.logger, "handlers", [Notes()])
    read_schema(PEOPLE)
    assert noted == [
        f"{PEOPLE}: read without owl:TransitiveProperty 1, superclasses without a name 1"
    ]
    noted.clear()
    read_turtle(
        tmp_path,
        "@prefix schema: <https://schema.org/> . :A a owl:Class . :B a owl:Class . "
        ":p a owl:ObjectProperty ; schema:domainIncludes :A , :B ; schema:rangeIncludes :A .",
    )
    assert [note.split("some.ttl: ")[1] for note in noted] == [
        "read without schema:domainIncludes 2, schema:rangeIncludes 1"
    ]


def test_names_follow_the_language() -> None:
    names = read_schema(PEOPLE, "de").entity_names
    assert names[:4] == ["Agent", "Mensch", "organisation", "université"]


@pytest.mark.parametrize(
    ("labels", "language", "name"),
    [
        ('"a"@en-GB , "b"', "en", "a"),
        ('"a"@fr , "b"', "en", "b"),
        ('"z"@fr , "a"@sv', "en", "z"),
        ('"a"@EN', "en", "a"),
        ('"  two \\n words "', "en", "two words"),
        ('" "', "en", "A"),
        ("<http://e.org/label>", "en", "A"),
    ],
)
def test_the_best_label_is_the_name(tmp_path: Path, labels: str, language: str, name: str) -> None:
    schema = read_turtle(tmp_path, f":A a owl:Class ; rdfs:label {labels} .", language)
    assert schema.entity_names == [name]


def test_shared_labels_and_local_names_are_told_apart(tmp_path: Path) -> None:
    schema = read_turtle(
        tmp_path,
        ':A a owl:Class ; rdfs:label "x" . :B a owl:Class ; rdfs:label "x" .'
        "<http://other.org/A> a owl:Class .",
    )
    assert [(t.name, t.id) for t in schema.entity_types] == [
        ("x (A)", "http://e.org/A"),
        ("x (B)", "B"),
        ("A", "http://other.org/A"),
    ]


def test_shared_local_names_without_labels_are_told_apart_by_iri(tmp_path: Path) -> None:
    schema = read_turtle(
        tmp_path,
        ":date a owl:Class . :p a owl:DatatypeProperty ; rdfs:range xsd:date ; rdfs:domain :date .",
    )
    names = ["date (http://e.org/date)", "date (http://www.w3.org/2001/XMLSchema#date)"]
    assert schema.entity_names == names
    assert (schema.relation("p").domain, schema.relation("p").range) == (
        (names[0],),
        (names[1],),
    )


def test_datatypes_of_a_union_become_entity_types(tmp_path: Path) -> None:
    schema = read_turtle(
        tmp_path,
        ":p a owl:DatatypeProperty ; "
        "rdfs:range [ a rdfs:Datatype ; owl:unionOf ( xsd:date xsd:gYear ) ] .",
    )
    assert schema.relation("p").range == ("date", "gYear")


@pytest.mark.parametrize(
    ("parents", "domain"), [(":q , :r", "D"), (":q , :s", "B"), (":q , :t", "B")]
)
def test_a_property_below_several_has_what_all_their_ends_admit(
    tmp_path: Path, parents: str, domain: str
) -> None:
    schema = read_turtle(
        tmp_path,
        ":A a owl:Class . :B a owl:Class ; rdfs:subClassOf :A . :C a owl:Class ; rdfs:subClassOf :A . "
        ":D a owl:Class ; rdfs:subClassOf :B , :C . :E a owl:Class . "
        ":q a owl:ObjectProperty ; rdfs:domain :B . :r a owl:ObjectProperty ; rdfs:domain :C . "
        ":s a owl:ObjectProperty ; rdfs:domain :A . :t a owl:ObjectProperty ; rdfs:domain :E . "
        f":p a owl:ObjectProperty ; rdfs:subPropertyOf {parents} .",
    )
    assert schema.relation("p").domain == (domain,)


def test_a_symmetric_property_has_the_same_ends(tmp_path: Path) -> None:
    relation = relation_of(tmp_path, "a owl:SymmetricProperty ; rdfs:domain :B")
    assert relation.domain == relation.range == ("B",)


@pytest.mark.parametrize(
    ("ends", "domain"),
    [
        ("rdfs:domain :A", ("A",)),
        ("rdfs:domain :B , :C", ("D",)),
        ("rdfs:domain :A , :B", ("B",)),
        ("rdfs:domain owl:Thing , :B", ("B",)),
        ("rdfs:domain [ owl:unionOf ( :B :E ) ] , :C", ("D",)),
        ("rdfs:domain [ owl:unionOf ( :B owl:Thing ) ]", ()),
        ("rdfs:domain [ owl:complementOf :A ]", ()),
        ("rdfs:range :A", ()),
    ],
)
def test_domains_are_intersected_and_unions_joined(
    tmp_path: Path, ends: str, domain: tuple[str, ...]
) -> None:
    assert relation_of(tmp_path, ends).domain == domain


def test_inverse_of_itself_is_symmetric(tmp_path: Path) -> None:
    relation = relation_of(tmp_path, "owl:inverseOf :p")
    assert relation.symmetric and relation.inverse is None


def test_ntriples_and_rdf_xml_are_read_too(tmp_path: Path) -> None:
    import pyoxigraph

    schema = read_schema(PEOPLE)
    quads = list(pyoxigraph.parse(path=PEOPLE, format=pyoxigraph.RdfFormat.TURTLE))
    for suffix, format_ in ((".nt", "N_TRIPLES"), (".owl", "RDF_XML"), (".owl", "TURTLE")):
        path = tmp_path / f"people{suffix}"
        pyoxigraph.serialize(
            (q.triple for q in quads), str(path), format=getattr(pyoxigraph.RdfFormat, format_)
        )
        assert read_schema(path) == schema


REFUSED = [
    (":A a owl:Class ; rdfs:subClassOf :B . :B a owl:Class ; rdfs:subClassOf :A .", "A -> B -> A"),
    (
        ":p a rdf:Property ; rdfs:subPropertyOf :q . :q a rdf:Property ; rdfs:subPropertyOf :p .",
        "p -> q -> p",
    ),
    (
        ":A a owl:Class ; rdfs:subClassOf :B .",
        "rdfs:subClassOf of <http://e.org/A> is <http://e.org/B>",
    ),
    (":A a owl:Class ; rdfs:subClassOf [ ] .", "is a blank node, expected a class"),
    (":A a owl:Class ; owl:disjointWith :B .", "owl:disjointWith is <http://e.org/B>"),
    (":p a owl:ObjectProperty ; rdfs:domain :B .", "expected a class that the file declares"),
    (':p a owl:ObjectProperty ; rdfs:range "x" .', 'rdfs:range of <http://e.org/p> is "x"'),
    (":p a owl:ObjectProperty ; rdfs:range [ ] .", "expected a class or owl:unionOf"),
    (":p a owl:ObjectProperty ; owl:inverseOf :q .", "expected a property that the file declares"),
    (":p a owl:ObjectProperty ; rdfs:subPropertyOf :q .", "rdfs:subPropertyOf of <http://e.org/p>"),
    ("[] a owl:ObjectProperty .", "expected each property to have an IRI, got a blank node"),
    (
        ":p a owl:ObjectProperty ; owl:inverseOf :q , :r . "
        ":q a owl:ObjectProperty . :r a owl:ObjectProperty .",
        "expected one inverse of <http://e.org/p>",
    ),
    (
        ":A a owl:Class . :B a owl:Class . :p a owl:ObjectProperty ; rdfs:domain :A , :B .",
        "is each of A, B, which no class is at once",
    ),
    (
        ":A a owl:Class ; owl:disjointWith :B . :B a owl:Class . "
        ":C a owl:Class ; rdfs:subClassOf :A , :B .",
        "are disjoint, but 'C' is both",
    ),
    (
        ":p a owl:ObjectProperty ; rdfs:domain [ owl:unionOf [ rdf:first :A ] ] . :A a owl:Class .",
        "expected a list for rdfs:domain of <http://e.org/p>",
    ),
    (
        ":p a owl:ObjectProperty ; rdfs:domain _:u . _:u owl:unionOf ( _:u ) .",
        "is a union that holds itself",
    ),
    ("<http://e.org/x/> a owl:Class .", "expected an rdfs:label or a local name"),
    (":a :b :c .", "declares no class and no property"),
    ("", "declares no class and no property"),
    (":A a owl:Class", "is not Turtle: Parser error at line"),
    ("name,age\n1,2", "is not Turtle: Parser error at line 6"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_read_is_one_line_with_the_file(
    tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        read_turtle(tmp_path, body)
    assert message in str(caught.value)
    assert str(caught.value).count(str(tmp_path / "some.ttl")) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x89PNG\r\n", b"\0\0", b"{}"])
def test_binary_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.ttl"
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=r"some\.ttl"):
        read_schema(path)


def test_without_pyoxigraph_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyoxigraph", None)
    with pytest.raises(SchemaError, match=r"Run: pip install 'tripack\[graph\]'$"):
        read_schema(PEOPLE)
