"""Entities by what people call them."""

from __future__ import annotations

import pytest

from extract.errors import InputError
from extract.kg.builder import build_graph
from extract.kg.entities import EntityTypes
from extract.kg.facts import facts_of
from extract.kg.lookup import Lookup
from tests.extract.kg.graphs import graph, records


@pytest.fixture
def known() -> Lookup:
    return Lookup(graph(), EntityTypes())


@pytest.mark.parametrize(
    "name", ["Leonard Parker", "leonard  PARKER", "parker", "0db62bf2b5fca26da8db"]
)
def test_node_by_label_alias_or_identifier(known: Lookup, name: str) -> None:
    assert known.node(name).label == "Leonard Parker"


@pytest.mark.parametrize(
    "form", ["{}", "ent:{}", "urn:tripack:entity/{}", "<https://x.org/kg#entity/{}>"]
)
def test_node_by_iri_also_of_what_was_merged_into_it(known: Lookup, form: str) -> None:
    for member in known.node("Parker").members:
        assert known.node(form.format(member)).label == "Leonard Parker"


def test_combining_marks_do_not_matter(known: Lookup) -> None:
    assert known.node("Ada Ku\u0308hn").label == "Ada Kühn"


def test_unknown_name_is_refused(known: Lookup) -> None:
    with pytest.raises(InputError, match="No entity is called 'Nobody'"):
        known.node("Nobody")


def test_ambiguous_label_lists_the_choices() -> None:
    other = records()[0] | {"id": "doc-9"}
    other["entities"] = [{"text": "Parker", "start": 54, "end": 60, "label": "PER"}]
    other["triples"] = []
    made = build_graph([facts_of(other), facts_of(records()[0])])
    with pytest.raises(InputError) as refused:
        Lookup(made, EntityTypes()).node("Parker")
    message = str(refused.value)
    assert message.startswith("2 entities are called 'Parker'. Give one's identifier: ")
    for node in made.nodes.values():
        if "Parker" in (node.label, *node.aliases):
            assert f"{node.id} {node.label!r} (PER)" in message


def test_pair_of_merged_names_is_found_in_either_order(known: Lookup) -> None:
    one, other = known.joined_pair("Parker", "Leonard Parker")
    assert (one.base.texts, other.base.texts) == (("Parker",), ("Leonard Parker",))
    again = known.joined_pair(other.base.id, one.base.id)
    assert [m.base.id for m in again] == [other.base.id, one.base.id]


@pytest.mark.parametrize(("one", "other"), [("Parker", "Yale"), ("Yale", "Yale"), ("IBM", "ibm")])
def test_names_that_were_never_merged_are_no_pair(known: Lookup, one: str, other: str) -> None:
    with pytest.raises(InputError, match="are not merged into one entity"):
        known.joined_pair(one, other)
