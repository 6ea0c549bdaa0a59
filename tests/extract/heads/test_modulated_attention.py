"""Modulated attention: the prior by hand, what it does to what a query reads, padding of either kind."""

from __future__ import annotations

import math

import pytest
import torch

from extract.heads.modulated_attention import (
    Attention,
    RefinementLayer,
    span_positions,
    spatial_prior,
)

WIDTH, HEADS = 8, 2


def make(layer: torch.nn.Module, size: float = 0.7) -> torch.nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape) * size)
    return layer.eval()


def test_prior_by_hand() -> None:
    spans = torch.tensor([[[2, 5], [0, 1]]])  # (batch, queries, 2)
    offset = torch.tensor([[[0.0, 0.5], [0.0, -2.0]]])  # (batch, queries, heads)
    scale = torch.tensor([[[0.0, 0.0], [0.0, math.log(2)]]])
    prior = spatial_prior(spans, offset, scale, 6)
    assert prior.shape == (1, 2, 2, 6)
    # Span [2, 5): centre 3.5, the middle of word 3; width (3 + 1) / 2 = 2.
    assert prior[0, 0, 0].tolist() == pytest.approx([-(d**2) / 8 for d in (-3, -2, -1, 0, 1, 2)])
    # Half a span to the right: centre 5, the end of word 4.
    assert prior[0, 1, 0].tolist() == pytest.approx(
        [-(d**2) / 8 for d in (-4.5, -3.5, -2.5, -1.5, -0.5, 0.5)]
    )
    # Span [0, 1): centre 0.5, width 1.
    assert prior[0, 0, 1].tolist() == pytest.approx([-(d**2) / 2 for d in range(6)])
    # Two spans to the left, twice as wide: centre -1.5.
    assert prior[0, 1, 1].tolist() == pytest.approx([-(d**2) / 8 for d in range(2, 8)])


def test_prior_of_a_layer_starts_spread_over_the_span() -> None:
    layer = RefinementLayer(WIDTH, 4, 0.0)
    offset, scale = layer.modulation(torch.randn(1, 1, WIDTH)).chunk(2, dim=-1)
    assert offset[0, 0].tolist() == pytest.approx([-0.5, -1 / 6, 1 / 6, 0.5])
    assert scale[0, 0].exp().tolist() == pytest.approx([1, 4, 1, 4])
    prior = spatial_prior(torch.tensor([[[3, 7]]]), offset, scale, 12)[0, :, 0]
    assert prior[0, 2] == prior[0, 3] == prior[0].max()  # on either side of the span's start
    assert prior[3, 6] == prior[3, 7] == prior[3].max()


@torch.no_grad()
def test_attention_is_the_softmax_of_content_and_prior_by_hand() -> None:
    attention = make(Attention(WIDTH, HEADS, 0.0))
    query, words = torch.randn(1, 3, WIDTH), torch.randn(1, 5, WIDTH)
    prior = torch.randn(1, HEADS, 3, 5)
    found = attention(query, words, words, torch.ones(1, 5, dtype=torch.bool), prior)
    q, k, v = attention.query(query)[0], attention.key(words)[0], attention.value(words)[0]
    for row in range(3):
        read = []
        for head in range(HEADS):
            part = slice(4 * head, 4 * head + 4)
            weights = [
                math.exp(float(q[row, part] @ k[j, part]) / 2 + float(prior[0, head, row, j]))
                for j in range(5)
            ]
            read.append(sum(w * v[j, part] for j, w in enumerate(weights)) / sum(weights))
        torch.testing.assert_close(found[0, row], attention.out(torch.cat(read)))


@torch.no_grad()
def test_a_word_far_from_a_narrow_query_is_not_read_and_a_near_one_is() -> None:
    layer = make(RefinementLayer(WIDTH, HEADS, 0.0), 0.3)
    layer.modulation.weight.zero_()
    layer.modulation.bias.copy_(torch.tensor([0.0, 0.0, -1.0, -1.0]))
    queries, words = torch.randn(1, 1, WIDTH), torch.randn(1, 30, WIDTH)
    spans, real = torch.tensor([[[20, 22]]]), torch.ones(1, 1, dtype=torch.bool)
    mask = torch.ones(1, 30, dtype=torch.bool)
    before = layer(queries, spans, real, words, mask)
    for word, read in ((0, False), (12, False), (20, True), (21, True)):
        changed = words.clone()
        changed[0, word] += 3
        after = layer(queries, spans, real, changed, mask)
        assert bool((after - before).abs().max() > 1e-3) == read, word


@torch.no_grad()
def test_padding_of_words_and_queries_is_not_read_even_where_all_words_are_far() -> None:
    layer = make(RefinementLayer(WIDTH, HEADS, 0.0))
    queries, words = torch.randn(1, 3, WIDTH), torch.randn(1, 9, WIDTH)
    spans = torch.tensor([[[0, 1], [1, 4], [2, 3]]])
    layer.modulation.bias[:HEADS] = 400.0  # the prior's centre is far behind the last word
    layer.modulation.bias[HEADS:] = -2.0
    alone = layer(
        queries[:, :2], spans[:, :2], torch.ones(1, 2, dtype=torch.bool),
        words[:, :6], torch.ones(1, 6, dtype=torch.bool),
    )  # fmt: skip
    padded = layer(
        queries, spans, torch.tensor([[True, True, False]]),
        words, torch.arange(9).unsqueeze(0) < 6,
    )  # fmt: skip
    assert bool(alone.isfinite().all())
    torch.testing.assert_close(padded[:, :2], alone)


def test_positions_tell_spans_apart_and_start_and_end_apart() -> None:
    spans = torch.tensor([[s, e] for s in range(20) for e in range(s + 1, 21)])
    positions = span_positions(spans, 16)
    assert positions.shape == (len(spans), 16)
    distance = torch.cdist(positions, positions).fill_diagonal_(1)
    assert float(distance.min()) > 0.01
    start, end = span_positions(torch.tensor([[3, 9], [9, 3]]), 16)
    assert not torch.equal(start, end)
