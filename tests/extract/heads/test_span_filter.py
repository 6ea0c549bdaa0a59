"""The filter proposes the likeliest spans; in training, gold ones too."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.heads.base import HeadConfig
from extract.heads.span_filter import SpanFilter, as_cells, gold_cells, short_spans
from tests.extract.heads.cases import GOLD, HIDDEN, make_states

CONFIG = HeadConfig(name="packed_markers", dropout=0.0, max_spans=4, span_floor=0.5)


def make_filter(config: HeadConfig = CONFIG) -> SpanFilter:
    torch.manual_seed(0)
    made = SpanFilter(config, 3, HIDDEN, 8)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return made.eval()


def listed(cells: torch.Tensor) -> list[tuple[int, int, int]]:
    return [tuple(cell) for cell in cells.nonzero().tolist()]


def test_cells_of_spans_leave_out_padding() -> None:
    spans = torch.tensor([[[1, 3], [0, 1], [0, 0]], [[2, 3], [0, 0], [0, 0]]])
    real = torch.tensor([[True, True, False], [True, False, False]])
    assert listed(as_cells(spans, real, 4)) == [(0, 0, 0), (0, 1, 2), (1, 2, 2)]


@given(st.integers(1, 9), st.integers(1, 12))
def test_short_spans_are_all_of_at_most_so_many_words(n_words: int, max_width: int) -> None:
    mask = torch.arange(9).view(1, -1) < n_words
    expected = [
        (0, i, j) for i in range(n_words) for j in range(i, n_words) if j - i + 1 <= max_width
    ]
    assert listed(short_spans(mask, max_width)) == expected


def test_gold_cells_are_entities_and_whatever_triples_and_qualifiers_name() -> None:
    gold = replace(
        GOLD, entities=((0, 2, 0),), triples=((4, 5, 0, 5, 6),), qualifiers=((0, 0, 3, 6),)
    )
    cells = gold_cells([gold, GOLD], torch.ones(2, 7, dtype=torch.bool))
    assert listed(cells) == [
        *((0, 0, 1), (0, 3, 5), (0, 4, 4), (0, 5, 5)),
        *((1, 0, 1), (1, 3, 5), (1, 4, 4)),
    ]


@torch.no_grad()
def test_proposed_are_the_likeliest_above_the_floor_by_brute_force() -> None:
    chooser, states = make_filter(), make_states([7, 3])
    scores = chooser(states)
    proposed = chooser.proposed(scores, states.mask)
    for row, n in enumerate((7, 3)):
        best = {(i, j): float(scores[row, i, j].max()) for i in range(n) for j in range(i, n)}
        likely = [s for s in sorted(best, key=lambda s: -best[s]) if best[s] > CONFIG.span_floor]
        assert len(likely) > 0
        assert set(map(tuple, proposed[row].nonzero().tolist())) == set(likely[: max(4, n)])


@torch.no_grad()
def test_in_training_gold_spans_and_so_many_others_are_proposed_whatever_the_floor() -> None:
    chooser, states = make_filter(), make_states([7, 3])
    bare = replace(GOLD, entities=(), triples=(), qualifiers=())
    config = CONFIG.model_copy(update={"span_floor": 1e6, "max_spans": 5})
    chooser.config = config
    scores = chooser(states)
    cells = chooser.proposed_in_training(scores, states.mask, [GOLD, bare], 2)
    gold = {(0, 1), (3, 5), (4, 4)}
    for row, (n, own) in enumerate(((7, gold), (3, set()))):
        best = {(i, j): float(scores[row, i, j].max()) for i in range(n) for j in range(i, n)}
        first = sorted(best, key=lambda s: -best[s])[: len(own) + 2]
        assert set(map(tuple, cells[row].nonzero().tolist())) == own | set(first)
    assert not bool(chooser.proposed(scores, states.mask).any())


def test_filter_is_trained_on_all_spans_and_not_on_padding() -> None:
    chooser = make_filter()
    alone, padded = make_states([7]), make_states([7], width=9)
    losses = [chooser.loss(chooser(s), s.mask, [GOLD]) for s in (alone, padded)]
    torch.testing.assert_close(*losses)
    losses[0].backward()
    assert all(bool(p.grad.abs().sum() > 0) for p in chooser.parameters() if p.grad is not None)
    assert chooser.scorer.weight.grad is not None
