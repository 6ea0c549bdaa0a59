"""Parts of graphs: no statement too few or too many, and every node that is left is used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import InputError
from extract.kg.export.select import select
from extract.kg.structures import Graph
from tests.extract.kg.export.hostile import few, graphs, small_graph


def test_by_score_by_relation_and_by_its_identifier() -> None:
    graph = small_graph()
    assert select(graph) is graph
    assert list(select(graph, min_score=0.5).statements) == ["s1"]
    assert list(select(graph, min_score=0.95).statements) == ["s1"]  # the limit itself is in
    assert list(select(graph, relations=["born in"]).statements) == ["s2"]
    assert list(select(graph, relations=["P108"]).statements) == ["s1"]
    assert list(select(graph, relations=["born in", "P108"]).statements) == ["s1", "s2"]


def test_nodes_of_no_statement_left_are_left_out_and_values_of_qualifiers_stay() -> None:
    assert list(select(small_graph(), relations=["P108"]).nodes) == ["e1", "e2", "e3"]
    assert list(select(small_graph(), relations=["born in"]).nodes) == ["e1"]


@few(20)
@given(graph=graphs(), min_score=st.floats(0.01, 1))
def test_part_is_closed_and_complete(graph: Graph, min_score: float) -> None:
    part = select(graph, min_score=min_score)
    kept = {id for id, s in graph.statements.items() if s.score >= min_score}
    assert part.statements.keys() == kept
    used = set()
    for statement in part.statements.values():
        values = (statement.subject, statement.object, *(q.value for q in statement.qualifiers))
        used |= {value for value in values if isinstance(value, str)}
    assert part.nodes.keys() == used


def test_bad_limits_are_refused() -> None:
    with pytest.raises(InputError, match=r"score from 0 to 1, got 1\.5"):
        select(small_graph(), min_score=1.5)
    with pytest.raises(InputError, match=r"Unknown relation 'likes'.*P108, born in, works for"):
        select(small_graph(), relations=["likes"])
