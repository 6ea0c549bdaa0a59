"""What annotation says of spans and of pairs of spans, by hand."""

from __future__ import annotations

from dataclasses import replace

import torch

from extract.heads import GoldWindow
from extract.heads.spans import gold_pairs, known_spans, span_pairs
from tests.extract.heads.cases import ALL, GOLD

NONE: frozenset[int] = frozenset()


def listed(cells: torch.Tensor) -> set[tuple[int, int]]:
    """Half-open spans of (first words, last words)."""
    return {(first, last + 1) for first, last in cells.nonzero().tolist()}


def test_known_spans_of_typed_and_untyped_windows() -> None:
    mask = torch.arange(6) < torch.tensor([[6], [4], [3]])
    typed = GoldWindow(((0, 2, 1), (3, 4, -1)), ((0, 2, 0, 4, 6),), (), **ALL)
    untyped = GoldWindow(((1, 3, -1),), (), (), NONE, NONE, NONE)
    bare = GoldWindow((), (), (), frozenset({2}), NONE, NONE)
    positive, negative = known_spans(mask, [typed, untyped, bare])
    spans = {(i, j) for i in range(6) for j in range(i + 1, 7)}
    assert listed(positive[0]) == {(0, 2)}
    assert listed(negative[0]) == spans - {(0, 2), (3, 4), (4, 6)}
    assert listed(positive[1]) == {(1, 3)}
    crossing = {(0, 2), (0, 3), (0, 4), (1, 2), (1, 4), (2, 3), (2, 4)}
    assert listed(negative[1]) == crossing
    assert listed(positive[2]) == set()
    assert listed(negative[2]) == {span for span in spans if span[1] <= 3}


def test_span_of_known_and_unknown_type_is_an_entity() -> None:
    gold = GoldWindow(((1, 2, -1), (1, 2, 0), (1, 2, -1)), (), (), **ALL)
    positive, negative = known_spans(torch.ones(1, 2, dtype=torch.bool), [gold])
    assert listed(positive[0]) == {(1, 2)}
    assert listed(negative[0]) == {(0, 1), (0, 2)}


def test_gold_pairs_by_hand() -> None:
    itself = replace(GOLD, triples=((0, 2, 3, 0, 2), (0, 2, 0, 3, 6)))
    rows = [{(4, 5): 0, (0, 2): 1, (3, 6): 2}, {(0, 2): 0, (3, 6): 1}]
    pairs = span_pairs(torch.tensor([[True, True, True], [True, True, False]]))
    target = gold_pairs(pairs, rows, [GOLD, itself], 5)
    found = {(*pairs[at].tolist(), relation) for at, relation in target.nonzero().tolist()}
    # window, subject, object, relation
    assert found == {(0, 1, 2, 1), (0, 1, 2, 4), (0, 0, 1, 0), (0, 1, 0, 2), (1, 0, 1, 0)}
    assert target.shape == (8, 5)
