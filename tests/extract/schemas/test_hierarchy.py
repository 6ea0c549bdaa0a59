"""The is-a hierarchy against a closure computed step by step."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extract.schemas.hierarchy import ancestors, descendants, find_cycle

# Names by number; a parent has a smaller number, so there is no cycle.
forests = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        *(st.sets(st.sampled_from(range(i)) if i else st.nothing()) for i in range(n))
    )
)


@given(forests)
def test_closure_is_that_of_single_steps(forest: tuple[set[int], ...]) -> None:
    parents = {str(i): [str(p) for p in sorted(above)] for i, above in enumerate(forest)}
    pairs = {(child, parent) for child, own in parents.items() for parent in own}
    while True:
        further = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not further:
            break
        pairs |= further
    assert find_cycle(parents) is None
    assert ancestors(parents) == {c: {p for a, p in pairs if a == c} for c in parents}
    assert descendants(parents) == {p: {p} | {c for c, a in pairs if a == p} for p in parents}


def test_cycle_is_named_from_child_to_parent() -> None:
    cycle = find_cycle({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})
    assert cycle is not None and cycle[0] == cycle[-1]
    assert set(pairwise(cycle)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_a_long_chain_is_no_deep_recursion() -> None:
    parents = {str(i): [str(i - 1)] if i else [] for i in range(3000)}
    assert len(ancestors(parents)["2999"]) == 2999
