"""A graph whose statements follow from each other: what is missing is found, what is false stands out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from extract.errors import InputError
from extract.kg.completion import Completion, CompletionSettings, complete
from extract.kg.structures import Graph
from extract.schema import EntityType, Relation, Schema
from tests.extract.kg.made import families, graph_of

SETTINGS = CompletionSettings(models=(), n_links=40)


def _without(graph: Graph, *triples: tuple[str, str, str]) -> Graph:
    kept = {
        id: s
        for id, s in graph.statements.items()
        if (s.subject, s.relation, s.object) not in triples
    }
    assert len(kept) == len(graph.statements) - len(triples)
    return replace(graph, statements=kept)


@pytest.fixture(scope="module")
def found() -> Completion:
    graph = _without(families(25), ("cid3", "father", "bob3"), ("ann4", "spouse", "bob4"))
    return complete(graph, settings=SETTINGS)


def test_missing_links_are_proposed_with_the_rule_that_implies_them(found: Completion) -> None:
    links = {(link.subject, link.relation, link.object): link for link in found.links}
    assert "father" in str(links["cid3", "father", "bob3"].because)
    assert "=> spouse(X, Y)" in str(links["ann4", "spouse", "bob4"].because)
    scores = [link.score for link in found.links]
    assert scores == sorted(scores, reverse=True) and len(scores) <= 40


def test_rules_beat_counts_where_statements_follow_from_each_other(found: Completion) -> None:
    assert list(found.ranked) == ["type prior", "frequency", "rules"]
    assert found.ranked["rules"].ends.mrr > found.ranked["frequency"].ends.mrr + 0.2
    assert found.n_held_out >= 10


def test_false_statements_are_the_least_plausible() -> None:
    graph = families(25)
    false = graph_of(
        ("cid1", "father", "bob9"), ("town0", "spouse", "cid7"), ("ann2", "sibling", "dee8")
    )
    added = {
        f"false{i}": replace(s, id=f"false{i}") for i, s in enumerate(false.statements.values())
    }
    found = complete(replace(graph, statements=graph.statements | added), settings=SETTINGS)
    scores = found.plausibility
    assert scores.keys() == graph.statements.keys() | added.keys()
    true = np.array([scores[id] for id in graph.statements])
    assert all(scores[id] < np.quantile(true, 0.1) for id in added)
    assert np.median(true) > 0.9 and found.auc > 0.9
    assert all(0 <= score <= 1 for score in scores.values())


def test_model_takes_part_and_the_result_is_the_same_again() -> None:
    settings = CompletionSettings(models=("transe",), epochs=3, n_links=5, threads=1)
    first, second = (complete(families(8), settings=settings) for _ in range(2))
    assert first.model == "transe" and "transe" in first.ranked
    assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())


def test_schema_keeps_out_what_it_forbids() -> None:
    graph = _without(families(25), ("cid3", "father", "bob3"), ("ann4", "spouse", "bob4"))
    schema = Schema(
        (EntityType("PER"), EntityType("LOC")),
        (Relation("father", functional=True), Relation("spouse", range=("LOC",))),
    )
    links = complete(graph, schema, SETTINGS).links
    fathers = [(link.subject, link.object) for link in links if link.relation == "father"]
    assert fathers == [("cid3", "bob3")]
    assert not any(link.relation == "spouse" for link in links)  # without the schema there is one


def test_small_graph_is_refused_with_what_there_is_and_what_is_needed() -> None:
    with pytest.raises(
        InputError, match=r"too small to complete: 2 statements between 3 nodes"
    ) as e:
        complete(graph_of(("a", "r", "b"), ("b", "r", "c")))
    assert "at least 100" in str(e.value)
    star = graph_of(*(("hub", "next", f"n{i}") for i in range(150)))
    with pytest.raises(InputError, match=r"150 statements between 151 nodes .* of which 0 can be"):
        complete(star)


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.0}, {"n_folds": 1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="Expected"):
        CompletionSettings(**wrong)  # type: ignore[arg-type]
