"""The boundary pointer: its distributions by hand, where it starts, the best span by brute force."""

from __future__ import annotations

import math

import pytest
import torch

from extract.heads.boundary_pointer import BoundaryPointer, best_spans

WIDTH = 4


def make_pointer() -> BoundaryPointer:
    torch.manual_seed(0)
    pointer = BoundaryPointer(WIDTH)
    with torch.no_grad():
        for parameter in pointer.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return pointer


@torch.no_grad()
def test_distributions_by_hand() -> None:
    pointer, queries, words = make_pointer(), torch.randn(1, 2, WIDTH), torch.randn(1, 40, WIDTH)
    spans = torch.tensor([[[3, 5], [30, 31]]])
    mask = torch.arange(40).unsqueeze(0) < 35
    found = pointer(queries, spans, words, mask)
    assert found.shape == (1, 2, 2, 40)
    query, word = pointer.query(queries)[0], pointer.word(words)[0]
    for row, now in enumerate([(3, 4), (30, 30)]):
        for end in range(2):
            part = slice(WIDTH * end, WIDTH * (end + 1))
            logits = [
                float(query[row, part] @ word[j, part]) / 2
                + float(pointer.move.weight[min(max(j - now[end], -16), 16) + 16, end])
                for j in range(35)
            ]
            total = math.log(sum(map(math.exp, logits)))
            assert found[0, row, end, :35].tolist() == pytest.approx(
                [logit - total for logit in logits], abs=1e-4
            )
            assert bool((found[0, row, end, 35:] < -1e30).all())


@torch.no_grad()
def test_boundaries_start_where_they_are() -> None:
    torch.manual_seed(0)
    spans = torch.tensor([[[s, e] for s in range(9) for e in range(s + 1, 10)]])
    pointer, mask = BoundaryPointer(WIDTH), torch.ones(1, 9, dtype=torch.bool)
    queries, words = torch.randn(1, spans.shape[1], WIDTH), torch.randn(1, 9, WIDTH)
    found, _ = best_spans(pointer(queries, spans, words, mask))
    assert (found == spans).float().mean() > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_best_span_by_brute_force(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    boundaries = (torch.randn(2, 6, 2, 7, generator=generator) * 3).log_softmax(dim=-1)
    boundaries[1, :, :, 4:] = -torch.inf  # padding
    spans, scores = best_spans(boundaries)
    for window in range(2):
        for query in range(6):
            first, last = boundaries[window, query].tolist()
            best = max((first[s] + last[e], s, e + 1) for s in range(7) for e in range(s, 7))
            assert tuple(spans[window, query].tolist()) == best[1:]
            assert float(scores[window, query]) == pytest.approx(best[0], abs=1e-5)
