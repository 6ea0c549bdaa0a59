"""Pooling pieces to words, and membership of words in spans."""

from __future__ import annotations

import torch

from extract.encoder.pooling import pool_words, span_membership, weighted_words


def test_words_are_means_of_their_pieces_and_padding_is_zero() -> None:
    states = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    of_piece = torch.tensor([[-1, 0, 0, 1, -1], [-1, 0, 1, 2, 2]])
    pooled = pool_words(states, of_piece, 3)
    assert pooled.shape == (2, 3, 7)
    torch.testing.assert_close(pooled[0, 0], states[0, 1:3].mean(0))
    torch.testing.assert_close(pooled[0, 1], states[0, 3])
    assert pooled[0, 2].eq(0).all()
    torch.testing.assert_close(pooled[1, 2], states[1, 3:5].mean(0))


def test_membership_averages_spans_and_leaves_empty_ones_at_zero() -> None:
    spans = torch.tensor([[[0, 2], [1, 5], [0, 0]]])
    member = span_membership(spans, 5, torch.float32)
    assert member.shape == (1, 3, 5)
    assert member.sum(-1).tolist() == [[1.0, 1.0, 0.0]]
    assert member[0, 0].tolist() == [0.5, 0.5, 0, 0, 0]
    words = torch.randn(1, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close((member @ words)[0, 1], words[0, 1:5].mean(0))


def test_weighted_words_are_sums_over_their_own_window() -> None:
    make = torch.Generator().manual_seed(0)
    words = torch.randn(2, 5, 7, generator=make)
    window = torch.tensor([1, 0, 1])
    weights = torch.randn(3, 5, generator=make).requires_grad_()
    found = weighted_words(words.requires_grad_(), window, weights)
    expected = torch.stack([weights[row] @ words[w] for row, w in enumerate(window.tolist())])
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad((found**2).sum(), [words, weights]),
        torch.autograd.grad((expected**2).sum(), [words, weights]),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert weighted_words(words, window[:0], weights[:0]).shape == (0, 7)
