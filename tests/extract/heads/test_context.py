"""Maxima over the words between two spans, by sparse tables, against brute force."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.heads.context import PairContext, RangeMax, range_max

FEATURES = 5


@given(st.integers(1, 40), st.integers(0, 2**31), st.data())
def test_range_max_is_the_maximum_of_each_range(
    n_words: int, seed: int, data: st.DataObject
) -> None:
    words = torch.randn(2, n_words, FEATURES, generator=torch.Generator().manual_seed(seed))
    offsets = st.integers(0, n_words)
    ranges = data.draw(
        st.lists(st.tuples(st.integers(0, 1), offsets, offsets), min_size=1, max_size=12)
    )
    window, first, last = torch.tensor(ranges).unbind(1)
    found = range_max(words, window, first, last)
    assert found.shape == (len(ranges), FEATURES)
    for row, (w, a, b) in zip(found, ranges, strict=True):
        expected = words[w, a:b].max(dim=0).values if a < b else torch.zeros(FEATURES)
        assert torch.equal(row, expected)
    layer = torch.nn.Linear(FEATURES, 3)
    through = RangeMax(words).through(layer, window, first, last)
    torch.testing.assert_close(through, layer(found))


def test_layer_reads_each_range_once() -> None:
    read = []

    def layer(maxima: torch.Tensor) -> torch.Tensor:
        read.append(len(maxima))
        return maxima

    words = torch.randn(2, 6, FEATURES)
    numbers = torch.tensor([[0, 1, 4], [1, 1, 4], [0, 1, 4], [0, 2, 4], [1, 1, 4]]).unbind(1)
    found = RangeMax(words).through(layer, *numbers)
    assert read == [3]
    assert torch.equal(found, range_max(words, *numbers))


def test_pair_context_reads_between_and_order_and_nothing_else() -> None:
    torch.manual_seed(0)
    context = PairContext(hidden=7, width=3, n_labels=2, dropout=0.5, features=FEATURES).eval()
    states = torch.randn(1, 11, 7)
    spans = torch.tensor([[[0, 2], [5, 6], [1, 3]]])
    subject, object_ = torch.randn(1, 3, 3), torch.randn(1, 3, 3)
    pairs = torch.tensor([[0, 0, 1], [0, 1, 0], [0, 0, 2]])
    scores = context(states, spans, subject, object_, pairs)
    assert scores.shape == (3, 2)
    changed = states.clone()
    changed[:, [0, 1, 5, 6, 10]] += 3  # outside of words 2, 3, 4
    torch.testing.assert_close(context(changed, spans, subject, object_, pairs), scores)
    changed[:, 3] += 100
    assert not torch.isclose(context(changed, spans, subject, object_, pairs)[:2], scores[:2]).any()
    with torch.no_grad():
        context.order.weight[1] += 1  # object first: the second pair alone
    moved = context(states, spans, subject, object_, pairs)
    assert (moved - scores).abs().sum(1).gt(0).tolist() == [False, True, False]


def test_adjacent_and_overlapping_spans_have_nothing_between() -> None:
    torch.manual_seed(0)
    context = PairContext(hidden=7, width=3, n_labels=2, dropout=0.0, features=FEATURES).eval()
    spans = torch.tensor([[[0, 2], [2, 4], [1, 4]]])
    both = torch.randn(1, 3, 3)
    pairs = torch.tensor([[0, 0, 1], [0, 0, 2], [0, 1, 2]])
    scores = [context(torch.randn(1, 4, 7), spans, both, both, pairs) for _ in range(2)]
    torch.testing.assert_close(*scores)
