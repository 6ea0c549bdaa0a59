"""What is held out leaves nothing unknown, and no pair half known."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.kg.indexed import IndexedGraph, Ints
from extract.kg.splits import folds, hold_out
from tests.extract.kg.made import families

triples = st.sets(
    st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 8)).filter(
        lambda t: t[0] != t[2]
    ),
    min_size=1,
    max_size=60,
).map(lambda found: np.array(sorted(found), np.int64))


def _known_without(triples: Ints, rows: Ints) -> bool:
    left = np.delete(triples, rows, axis=0)
    pairs = {frozenset((s, o)) for s, _, o in left.tolist()}
    return (
        set(triples[:, [0, 2]].ravel()) == set(left[:, [0, 2]].ravel())
        and set(triples[:, 1]) == set(left[:, 1])
        and not any(frozenset((s, o)) in pairs for s, _, o in triples[rows].tolist())
    )


@given(triples, st.floats(0.05, 0.9), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_held_out_triples_leave_all_nodes_and_relations_known(
    triples: Ints, share: float, seed: int
) -> None:
    rows = hold_out(triples, share, seed)
    assert len(rows) <= share * len(triples)
    assert not len(rows) or _known_without(triples, rows)
    assert np.array_equal(rows, hold_out(triples, share, seed))


@given(triples, st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_folds_are_disjoint_and_each_leaves_everything_known(triples: Ints, n: int) -> None:
    parts = folds(triples, n, 0)
    every = np.concatenate(parts)
    assert len(parts) == n and len(every) == len(set(every.tolist()))
    assert all(_known_without(triples, part) for part in parts if len(part))


def test_folds_of_a_dense_graph_are_of_one_size_and_hold_all() -> None:
    graph = IndexedGraph.of(families(20))
    sizes = [len(part) for part in folds(graph.triples, 3, 0)]
    assert sum(sizes) >= 0.95 * len(graph.triples)
    assert max(sizes) - min(sizes) <= 2
