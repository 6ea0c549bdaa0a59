from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.evaluation.clusters import Rates, cluster_score


def _clusters(*members: str) -> dict[str, int]:
    return {letter: number for number, letters in enumerate(members) for letter in letters}


def test_cluster_score_hand_worked() -> None:
    # Amigo, Gonzalo, Artiles, Verdejo 2009 count the same way.
    score = cluster_score([_clusters("abc", "de")], [_clusters("ab", "cde")])
    assert score.b_cubed.precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)
    assert score.b_cubed.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert score.pairwise == Rates(2 / 4, 2 / 4)
    assert score.n_clusters == 2


def test_cluster_score_documents_do_not_share_clusters() -> None:
    score = cluster_score(
        [_clusters("ab"), _clusters("ab")], [_clusters("ab"), _clusters("a", "b")]
    )
    assert score.pairwise == Rates(1.0, 0.5)
    assert score.n_clusters == 3
    assert score.to_dict()["pairwise"] == {"precision": 100.0, "recall": 50.0, "f1": 66.67}


def test_cluster_score_of_nothing_is_no_error() -> None:
    assert cluster_score([], []).b_cubed.f1 == 0.0
    assert cluster_score([_clusters("a", "b")], [_clusters("a", "b")]).pairwise == Rates(1.0, 1.0)


def test_cluster_score_other_mentions_are_refused() -> None:
    with pytest.raises(ValueError, match="got 2 gold and 1 found"):
        cluster_score([_clusters("ab")], [_clusters("a")])


_labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


@settings(deadline=None)
@given(_labels)
def test_cluster_score_swapped_sides_swap_precision_and_recall(
    labels: list[tuple[int, int]],
) -> None:
    gold = {i: a for i, (a, _) in enumerate(labels)}
    pred = {i: b for i, (_, b) in enumerate(labels)}
    one, other = cluster_score([gold], [pred]), cluster_score([pred], [gold])
    for kind in ("b_cubed", "pairwise"):
        a, b = getattr(one, kind), getattr(other, kind)
        assert (a.precision, a.recall) == pytest.approx((b.recall, b.precision))
        assert 0.0 <= a.f1 <= 1.0
    assert cluster_score([gold], [gold]).b_cubed.f1 == pytest.approx(1.0)
