"""Set prediction: costs by hand, matching by brute force, what a window's annotation lets the loss count."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import softplus

from extract.heads import GoldWindow
from extract.heads.matching import (
    Predictions,
    SpanTargets,
    costs,
    match,
    overlaps,
    set_losses,
)
from tests.extract.heads.cases import ALL, GOLD

CPU = torch.device("cpu")
N_TYPES = 3
UNTYPED = replace(
    GOLD,
    entities=((0, 2, -1), (3, 5, -1)),
    triples=(),
    qualifiers=(),
    entity_types=frozenset(),
    relations=frozenset(),
)


def predictions(n_queries: list[int], n_words: int = 7, seed: int = 0) -> Predictions:
    """Random ones, so many a window."""
    make = torch.Generator().manual_seed(seed)
    size = (len(n_queries), max(n_queries))
    ends = torch.randint(0, n_words, (*size, 2), generator=make).sort(dim=-1).values
    real = torch.arange(size[1]) < torch.tensor(n_queries).unsqueeze(1)
    return Predictions(
        (ends + torch.tensor([0, 1])) * real.unsqueeze(-1),
        real,
        torch.randn(*size, N_TYPES, generator=make) * 2,
        (torch.randn(*size, 2, n_words, generator=make) * 2).log_softmax(dim=-1),
    )


def window(
    *entities: tuple[int, int, int], types: frozenset[int] = ALL["entity_types"]
) -> GoldWindow:
    return GoldWindow(entities, (), (), types, frozenset(), frozenset())


def test_overlaps_by_hand() -> None:
    left = torch.tensor([[[0, 4], [2, 3], [0, 0]]])
    right = torch.tensor([[[2, 6], [0, 4], [2, 3], [5, 6]]])
    assert overlaps(left, right)[0].tolist() == [
        [pytest.approx(2 / 6), 1.0, 0.25, 0.0],
        [0.25, 0.25, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],
    ]


def test_targets_are_spans_once_with_all_their_types() -> None:
    gold = [
        window(
            (1, 3, 2), (1, 3, 0), (2, 3, 1), (4, 5, -1)
        ),  # the last is of a type unknown to the model
        window(),
        UNTYPED,
    ]
    targets = SpanTargets.of(gold, N_TYPES, CPU)
    assert targets.n_spans == (2, 0, 2)
    assert targets.spans[0].tolist() == [[1, 3], [2, 3]]
    assert targets.types[0].tolist() == [[True, False, True], [False, True, False]]
    assert targets.spans[2].tolist() == [[0, 2], [3, 5]]
    assert bool(targets.types[2].all())
    assert targets.typed.tolist() == [True, True, False]
    assert targets.counted.tolist() == [[True] * 3, [True] * 3, [False] * 3]


def test_costs_by_hand() -> None:
    found = predictions([4, 3])
    gold = [window((1, 3, 2), (1, 3, 0), (2, 6, 1)), UNTYPED]
    cost = costs(found, SpanTargets.of(gold, N_TYPES, CPU))
    assert cost.shape == (2, 4, 2)
    for row, spans in enumerate(
        ([(1, 3, [0, 2]), (2, 6, [1])], [(0, 2, [0, 1, 2]), (3, 5, [0, 1, 2])])
    ):
        for query in range(4 - row):
            chance = found.types[row, query].sigmoid()
            first, last = found.boundaries[row, query].exp()
            of_query = set(range(*found.before[row, query].tolist()))
            for at, (start, end, labels) in enumerate(spans):
                words = set(range(start, end))
                expected = -max(float(chance[label]) for label in labels)
                expected -= float(first[start] + last[end - 1])
                expected -= len(words & of_query) / len(words | of_query)
                assert float(cost[row, query, at]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n_queries", "n_golds"), [(5, 3), (4, 4), (2, 4), (1, 1), (6, 0)])
def test_matching_is_the_cheapest_of_all_permutations(
    seed: int, n_queries: int, n_golds: int
) -> None:
    # The second window has more queries and gold spans, so that the first one is padded with noise.
    found = predictions([n_queries, 6], seed=seed)
    spans = [(0, 2), (1, 2), (1, 6), (4, 7), (2, 5)]
    gold = [window(*((*s, at % 3) for at, s in enumerate(spans[:n]))) for n in (n_golds, 5)]
    targets = SpanTargets.of(gold, N_TYPES, CPU)
    cost = costs(found, targets)
    pairs = match(found, targets)
    for row, (queries, golds) in enumerate(((n_queries, n_golds), (6, 5))):
        own = pairs[pairs[:, 0] == row, 1:]
        assert len(own) == min(queries, golds)
        assert len(set(own[:, 0].tolist())) == len(set(own[:, 1].tolist())) == len(own)
        assert bool((own < torch.tensor([queries, max(golds, 1)])).all())
        total = float(cost[row][own.unbind(1)].sum())
        if queries >= golds:
            ways = itertools.permutations(range(queries), golds)
            sums = [sum(float(cost[row, q, g]) for g, q in enumerate(way)) for way in ways]
        else:
            ways = itertools.permutations(range(golds), queries)
            sums = [sum(float(cost[row, q, g]) for q, g in enumerate(way)) for way in ways]
        assert total == pytest.approx(min(sums), abs=1e-5)


def test_losses_by_hand() -> None:
    found = predictions([4, 2])
    gold = [window((1, 3, 2), (1, 3, 0), (2, 6, 1)), window((0, 1, 0), types=frozenset({0, 1}))]
    targets = SpanTargets.of(gold, N_TYPES, CPU)
    types, boundaries = set_losses(found, targets)
    given = {(w, q): g for w, q, g in match(found, targets).tolist()}
    right, spans = [[{0, 2}, {1}], [{0}]], [[(1, 3), (2, 6)], [(0, 1)]]
    expected_types = expected_boundaries = 0.0
    for row, n in enumerate((4, 2)):
        for query in range(n):
            scores = found.types[row, query].tolist()
            positive = right[row][given[row, query]] if (row, query) in given else set()
            counted = gold[row].entity_types
            expected_types += math.log1p(sum(math.exp(scores[t]) for t in counted - positive))
            expected_types += math.log1p(sum(math.exp(-scores[t]) for t in positive))
            if (row, query) in given:
                start, end = spans[row][given[row, query]]
                first, last = found.boundaries[row, query]
                expected_boundaries -= float(first[start] + last[end - 1])
    assert len(given) == 3
    assert float(types) == pytest.approx(expected_types, abs=1e-4)
    assert float(boundaries) == pytest.approx(expected_boundaries, abs=1e-4)


def test_untyped_spans_speak_for_some_type_and_against_what_shares_a_word_with_them() -> None:
    found = predictions([6], seed=1)
    before = torch.tensor([[[0, 2], [3, 5], [0, 2], [4, 6], [5, 7], [2, 3]]])
    types = found.types.clone().requires_grad_()
    boundaries = torch.full((1, 6, 2, 7), 1 / 7).log().requires_grad_()
    found = Predictions(before, found.real, types, boundaries)
    targets = SpanTargets.of([UNTYPED], N_TYPES, CPU)
    given = {q: g for _, q, g in match(found, targets).tolist()}
    assert given[1] == 1  # the same span
    (other,) = given.keys() - {1}
    assert other in (0, 2)
    losses = set_losses(found, targets)
    scores = types.detach()[0]
    some = sum(float(softplus(-scores[q].logsumexp(0))) for q in given)
    none = sum(math.log1p(float(scores[q].exp().sum())) for q in {0, 2, 3} - given.keys())
    assert losses[0].item() == pytest.approx(some + none, abs=1e-5)
    assert losses[1].item() == pytest.approx(4 * math.log(7), abs=1e-5)
    losses[0].backward()
    assert types.grad is not None
    assert bool((types.grad[0, [*given]] < 0).all())
    assert bool((types.grad[0, [4, 5]] == 0).all())  # open: beside the marked spans


def test_window_without_gold_spans_makes_every_query_none_and_moves_no_boundary() -> None:
    found = predictions([3, 2])
    types, boundaries = set_losses(found, SpanTargets.of([window(), window()], N_TYPES, CPU))
    expected = found.types.exp().sum(dim=-1).log1p()[found.real].sum()
    torch.testing.assert_close(types, expected)
    assert float(boundaries) == 0
