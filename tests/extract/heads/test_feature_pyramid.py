"""The pyramid: which words a feature reads, level by level as one span at a time, where its span stands."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import gelu

from extract.heads.feature_pyramid import FeaturePyramid, pyramid_spans, span_row

HIDDEN, WIDTH = 7, 5
CPU = torch.device("cpu")


def make_pyramid(n_levels: int) -> FeaturePyramid:
    torch.manual_seed(0)
    pyramid = FeaturePyramid(HIDDEN, WIDTH, n_levels, 0.0).eval()
    with torch.no_grad():
        for parameter in pyramid.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return pyramid


@given(n_words=st.integers(1, 12), n_levels=st.integers(1, 12))
def test_spans_are_all_short_ones_once_and_each_knows_its_row(n_words: int, n_levels: int) -> None:
    spans = pyramid_spans(n_words, n_levels, CPU)
    expected = [
        (start, start + width)
        for width in range(1, n_levels + 1)
        for start in range(n_words - width + 1)
    ]
    assert list(map(tuple, spans.tolist())) == expected
    assert span_row(spans, n_words).tolist() == list(range(len(expected)))


@pytest.mark.parametrize(("n_words", "n_levels", "n_spans"), [(6, 3, 15), (2, 3, 3), (1, 4, 1)])
def test_every_span_has_a_feature(n_words: int, n_levels: int, n_spans: int) -> None:
    states = torch.randn(2, n_words, HIDDEN)
    features = make_pyramid(n_levels)(states)
    assert features.shape == (2, n_spans, WIDTH)
    assert len(pyramid_spans(n_words, n_levels, CPU)) == n_spans


def feature_of(pyramid: FeaturePyramid, states: torch.Tensor, start: int, end: int) -> torch.Tensor:
    """The feature of one span, by recursion from its two halves, without the term of its level."""
    if end - start == 1:
        return pyramid.norm(pyramid.words(states[start]))
    left = feature_of(pyramid, states, start, end - 1)
    right = feature_of(pyramid, states, start + 1, end)
    both = pyramid.combine.weight @ torch.cat([left, right]) + pyramid.combine.bias
    gate = both[:WIDTH].sigmoid()
    return pyramid.norm(gate * left + (1 - gate) * right + gelu(both[WIDTH:]))


@torch.no_grad()
def test_features_equal_those_of_one_span_at_a_time() -> None:
    pyramid, states = make_pyramid(4), torch.randn(1, 6, HIDDEN)
    features = pyramid(states)[0]
    for row, (start, end) in enumerate(pyramid_spans(6, 4, CPU).tolist()):
        expected = (
            feature_of(pyramid, states[0], start, end) + pyramid.level.weight[end - start - 1]
        )
        torch.testing.assert_close(features[row], expected)


@torch.no_grad()
def test_a_word_changes_the_features_of_spans_that_hold_it_and_no_other() -> None:
    pyramid, states = make_pyramid(5), torch.randn(1, 7, HIDDEN)
    before = pyramid(states)[0]
    spans = pyramid_spans(7, 5, CPU)
    for word in range(7):
        changed = states.clone()
        changed[0, word] += 1
        differs = (pyramid(changed)[0] != before).any(dim=1)
        assert differs.tolist() == ((spans[:, 0] <= word) & (word < spans[:, 1])).tolist()
