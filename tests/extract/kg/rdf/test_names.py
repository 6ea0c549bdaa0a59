"""IRIs: valid, stable, and never one for two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import NamedNode

from extract.errors import InputError
from extract.kg.rdf.names import Names

# Surrogates too: a JSON file may hold half a pair.
TEXTS = st.text(st.characters(), min_size=1, max_size=300)


@given(TEXTS, TEXTS)
def test_iris_of_different_names_differ_and_are_valid(one: str, other: str) -> None:
    names = Names()
    for make in (names.type, names.document, names.model, names.entity):
        assert NamedNode(make(one)).value == make(one)
        assert (make(one) == make(other)) == (one == other)


@given(TEXTS, st.sampled_from(["", "claim", "statement", "qualifier", "entity"]))
def test_relation_of_any_label_or_id_is_a_valid_iri(text: str, role: str) -> None:
    names = Names("https://example.org/kg#")
    NamedNode(names.relation(text, None, role))
    NamedNode(names.relation("label", text, role))


@pytest.mark.parametrize(
    ("id", "role", "iri"),
    [
        ("P69", "", "http://www.wikidata.org/prop/direct/P69"),
        ("P69", "claim", "http://www.wikidata.org/prop/P69"),
        ("P69", "statement", "http://www.wikidata.org/prop/statement/P69"),
        ("P69", "qualifier", "http://www.wikidata.org/prop/qualifier/P69"),
        ("P69", "entity", "http://www.wikidata.org/entity/P69"),
        ("P0069", "", "urn:tripack:relation/P0069"),
        ("http://dbpedia.org/ontology/birthPlace", "", "http://dbpedia.org/ontology/birthPlace"),
        ("not an iri", "", "urn:tripack:relation/not_an_iri"),
        (None, "", "urn:tripack:relation/born_in"),
        (None, "claim", "urn:tripack:relation/claim/born_in"),
    ],
)
def test_relation_is_named_by_its_id_else_its_label(id: str | None, role: str, iri: str) -> None:
    assert Names().relation("born in", id, role) == iri


def test_span_is_a_fragment_of_its_document() -> None:
    assert Names().span("a/b c", 3, 7) == "urn:tripack:document/a%2Fb_c#char=3,7"


@pytest.mark.parametrize(
    "namespace", ["", "kg", "https://example.org/kg", "urn:a b:", "http://x/<"]
)
def test_namespace_that_is_no_iri_or_has_no_end_is_refused(namespace: str) -> None:
    with pytest.raises(InputError, match="Expected a namespace such as"):
        Names(namespace)
