"""Candidates of several windows as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.decode.candidates import Candidates, merge
from tests.extract.decode.cases import candidate_sets, candidates_of


def meaning(found: Candidates) -> dict[Any, Any]:
    """Scores by what each candidate says, with the best of equal ones."""
    spans = list(map(tuple, found.spans.tolist()))
    said: dict[Any, Any] = {
        s: row.tolist() for s, row in zip(spans, found.entity_scores, strict=True)
    }
    triples = [(spans[s], r, spans[o]) for s, r, o in found.triples.tolist()]
    said |= dict(zip(triples, found.triple_scores.tolist(), strict=True))
    keys = [(triples[t], q, spans[v]) for t, q, v in found.qualifiers.tolist()]
    return said | dict(zip(keys, found.qualifier_scores.tolist(), strict=True))


@given(st.lists(candidate_sets(), min_size=1, max_size=3), st.lists(st.integers(0, 4), min_size=3))
@settings(deadline=None)
def test_merge_keeps_each_candidate_once_with_its_best_score(
    parts: list[Candidates], shifts: list[int]
) -> None:
    parts = [part.shifted(shift) for part, shift in zip(parts, shifts, strict=False)]
    expected: dict[Any, Any] = {}
    for part in parts:
        for key, score in meaning(part).items():
            old = expected.get(key)
            if old is None:
                expected[key] = score
            elif isinstance(score, list):
                expected[key] = np.maximum(score, old).tolist()
            else:
                expected[key] = max(score, old)
    merged = merge(parts)
    assert meaning(merged) == expected
    for rows in (merged.spans, merged.triples, merged.qualifiers):
        assert len({tuple(row) for row in rows.tolist()}) == len(rows)
    assert merged.spans.shape[1] == 2
    assert merged.triples.shape[1] == merged.qualifiers.shape[1] == 3


def test_merge_of_overlapping_windows_by_hand() -> None:
    one = candidates_of([(4, 5, (1, 0, 0)), (6, 7, (2, 0, 0))], [(0, 0, 1, 1.0)], [(0, 0, 1, 1.0)])
    two = candidates_of(
        [(2, 3, (0, 3, 0)), (0, 1, (0, 1, 0))], [(1, 0, 0, 2.0), (0, 1, 1, 0.5)], [(0, 0, 0, 3.0)]
    ).shifted(4)
    found = merge([one, two])
    assert found.spans.tolist() == [[4, 5], [6, 7]]
    assert found.entity_scores.tolist() == [[1, 1, 0], [2, 3, 0]]
    assert found.triples.tolist() == [[0, 0, 1], [1, 1, 0]]
    assert found.triple_scores.tolist() == [2.0, 0.5]
    assert found.qualifiers.tolist() == [[0, 0, 1]]
    assert found.qualifier_scores.tolist() == [3.0]


def test_merge_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one set of candidates"):
        merge([])


def test_empty_has_the_shapes_of_full() -> None:
    empty = merge([Candidates.empty(3), Candidates.empty(3)])
    assert empty.spans.shape == (0, 2)
    assert empty.entity_scores.shape == (0, 3)
    assert empty.triples.shape == empty.qualifiers.shape == (0, 3)
