"""Mined rules against counting by hand and by trying all nodes."""

from __future__ import annotations

import logging
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.kg.indexed import IndexedGraph
from extract.kg.rule_candidates import suggest
from extract.kg.rule_scorer import apply_rules
from extract.kg.rules import Rule, mine
from tests.extract.kg.made import families, indexed

_NODES, _RELATIONS = "abcdef", ("p", "q", "r")
graphs = st.sets(
    st.tuples(st.sampled_from(_NODES), st.sampled_from(_RELATIONS), st.sampled_from(_NODES)).filter(
        lambda t: t[0] != t[2]
    ),
    min_size=1,
    max_size=25,
)
Triples = set[tuple[str, str, str]]


def _holds(triples: Triples, step: tuple[str, bool], a: str, b: str) -> bool:
    relation, inverse = step
    return ((b, relation, a) if inverse else (a, relation, b)) in triples


def _pairs(triples: Triples, body: tuple[tuple[str, bool], ...]) -> set[tuple[str, str]]:
    """Pairs that a body joins, its nodes all different, by trying them all."""
    if len(body) == 1:
        return {(x, y) for x, y in product(_NODES, repeat=2) if _holds(triples, body[0], x, y)}
    return {
        (x, y)
        for x, z, y in product(_NODES, repeat=3)
        if len({x, y, z}) == 3 and _holds(triples, body[0], x, z) and _holds(triples, body[1], z, y)
    }


def _by_trying(triples: Triples, min_support: int) -> set[Rule]:
    steps = list(product(_RELATIONS, (False, True)))
    rules = set()
    for body in [(s,) for s in steps] + list(product(steps, repeat=2)):
        pairs = _pairs(triples, body)
        for head in _RELATIONS:
            true = {(s, o) for s, r, o in triples if r == head}
            support = len(pairs & true)
            if support < min_support or not support or body == ((head, False),):
                continue
            subjects, objects = {s for s, _ in true}, {o for _, o in true}
            from_subject = len(subjects) >= len(objects)  # more functional: fewer objects a subject
            counted = [p for p in pairs if (p[0] in subjects if from_subject else p[1] in objects)]
            rules.add(
                Rule(
                    body,
                    head,
                    support,
                    support / len(pairs),
                    support / len(counted),
                    support / len(true),
                )
            )
    return rules


@given(graphs, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_mined_rules_are_those_found_by_trying_all_nodes(triples: Triples, support: int) -> None:
    found = mine(indexed(*triples), min_support=support, min_confidence=0.0)
    assert len(found) == len(set(found))
    assert set(found) == _by_trying(triples, support)


@given(graphs)
@settings(max_examples=30, deadline=None)
def test_applied_rules_imply_what_their_bodies_join(triples: Triples) -> None:
    graph = indexed(*triples)
    rules = mine(graph, min_support=2, min_confidence=0.0)
    scorer = apply_rules(graph, rules)
    implied = {graph.named(t): at for at, t in enumerate(scorer.implied())}
    expected: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in rules:
        for x, y in _pairs(triples, rule.body):
            expected.setdefault((x, rule.head, y), []).append(rule)
    assert implied.keys() == expected.keys()
    reasons, scores = scorer.because(scorer.implied()), scorer.triples(scorer.implied())
    for triple, at in implied.items():
        sure = [r.support / (r.support / r.confidence + 5) for r in expected[triple]]
        reason = reasons[at]
        assert reason in expected[triple]
        assert reason.support / (reason.support / reason.confidence + 5) == pytest.approx(max(sure))
        assert max(sure) < scores[at] < max(sure) + 1e-3
    every = np.array(list(np.ndindex(graph.n_nodes, graph.n_relations, graph.n_nodes)))
    table = scorer.triples(every).reshape(graph.n_nodes, graph.n_relations, graph.n_nodes)
    s, o = (part.ravel() for part in np.indices((graph.n_nodes, graph.n_nodes)))
    assert np.array_equal(
        scorer.relations(s, o).reshape(graph.n_nodes, graph.n_nodes, -1), table.transpose(0, 2, 1)
    )
    s, r = (part.ravel() for part in np.indices((graph.n_nodes, graph.n_relations)))
    assert np.array_equal(scorer.objects(s, r).reshape(table.shape), table)
    r, o = (part.ravel() for part in np.indices((graph.n_relations, graph.n_nodes)))
    assert np.array_equal(
        scorer.subjects(r, o).reshape(graph.n_relations, graph.n_nodes, -1),
        table.transpose(1, 2, 0),
    )


def test_rule_reads_as_a_horn_clause() -> None:
    rule = Rule((("sibling", False), ("child", True)), "father", 3, 0.5, 0.75, 0.1)
    assert str(rule) == "sibling(X, Z) & child(Y, Z) => father(X, Y)"
    assert str(Rule((("p", True),), "p", 1, 1.0, 1.0, 1.0)) == "p(Y, X) => p(X, Y)"


def test_bodies_of_too_many_paths_are_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    graph = IndexedGraph.of(families(5))
    with caplog.at_level(logging.WARNING):
        found = mine(graph, max_paths=10, min_confidence=0.9)
    assert "with more than 10 paths are left out" in caplog.text
    everything = mine(graph, min_confidence=0.9)
    assert 0 < len(found) < len(everything)


def test_rotations_suggest_the_body_whose_angles_add_up_the_right_way_round() -> None:
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, 16))
    third = np.concatenate([angles, (angles[0] - angles[1])[None]])  # r3 = r0 after r1 backwards
    found = suggest(np.exp(1j * third), k=1)
    assert ((0, False), (1, True)) in found or ((1, True), (0, False)) in found
    assert ((0, True), (1, False)) not in found


def test_suggested_bodies_give_only_rules_that_mining_finds() -> None:
    graph = IndexedGraph.of(families(6))
    vectors = np.random.default_rng(0).normal(size=(graph.n_relations, 8))
    every = suggest(vectors, k=(2 * graph.n_relations) ** 2)
    assert mine(graph, bodies=every) == mine(graph)
    some = mine(graph, bodies=suggest(vectors, k=4))
    assert set(some) < set(mine(graph))
