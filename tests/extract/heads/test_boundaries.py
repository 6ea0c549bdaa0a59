"""Boundary tagging: pairing starts with ends by hand and by property, scores by brute force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from extract.heads.boundaries import (
    BoundaryTagger,
    all_of,
    cells_from,
    span_log_odds,
)

HIDDEN, WIDTH, LABELS = 7, 5, 3
SURE = 12.0
Tag = tuple[int, int]  # word, label
Labelled = tuple[int, int, int]  # start word, end word (half-open), label


def every_span(n_words: int) -> Tensor:
    """All spans of one row, (spans, 3)."""
    return torch.tensor([(0, s, e) for s in range(n_words) for e in range(s + 1, n_words + 1)])


def decode(
    n_words: int, starts: Iterable[Tag], is_end: Callable[[int, int, int], bool]
) -> set[Labelled]:
    """Spans above even odds; `is_end` takes the current start, a word and a label. Tags are sure."""
    start = torch.full((1, n_words, LABELS), -SURE)
    for word, label in starts:
        start[0, word, label] = SURE

    def ends(cells: Tensor) -> Tensor:
        rows = [[is_end(s, w, label) for label in range(LABELS)] for _, s, w in cells.tolist()]
        return torch.where(torch.tensor(rows), SURE, -SURE)

    spans = every_span(n_words)
    found = (span_log_odds(spans, start, ends) > 0).nonzero()
    return {(*spans[at, 1:].tolist(), label) for at, label in found.tolist()}  # type: ignore[misc]


def shared(*ends: Tag) -> Callable[[int, int, int], bool]:
    """Ends that do not depend on the current start, as the paper tags them."""
    return lambda start, word, label: (word, label) in ends


# Multi-span decoding, by hand. Ends are the last words of spans; spans are half-open.


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        pytest.param([(1, 0)], [(3, 0)], {(1, 4, 0)}, id="one span"),
        pytest.param([(2, 1)], [(2, 1)], {(2, 3, 1)}, id="one word"),
        pytest.param(
            [(0, 0), (3, 0)], [(1, 0), (5, 0)], {(0, 2, 0), (3, 6, 0)}, id="two of one label"
        ),
        pytest.param([(0, 0), (2, 0)], [(1, 0), (2, 0)], {(0, 2, 0), (2, 3, 0)}, id="side by side"),
        pytest.param(
            [(0, 0), (1, 2)], [(4, 0), (2, 2)], {(0, 5, 0), (1, 3, 2)}, id="labels do not mix"
        ),
        pytest.param([(1, 0), (1, 2)], [(3, 0), (2, 2)], {(1, 4, 0), (1, 3, 2)}, id="one start"),
        pytest.param([(2, 0)], [(4, 1)], set(), id="end of another label"),
        pytest.param([(3, 0)], [(1, 0)], set(), id="end before the start"),
        pytest.param([(0, 0), (4, 0)], [(1, 0)], {(0, 2, 0)}, id="last start without an end"),
        pytest.param([], [(1, 0)], set(), id="end without a start"),
        pytest.param([(0, 0)], [(1, 0), (3, 0)], {(0, 2, 0)}, id="the nearest of two ends"),
        pytest.param([(0, 0), (2, 0)], [(3, 0)], {(0, 4, 0), (2, 4, 0)}, id="starts share an end"),
        pytest.param(
            [(0, 0), (1, 0)], [(2, 0), (4, 0)], {(0, 3, 0), (1, 3, 0)}, id="nested starts"
        ),
    ],
)
def test_starts_go_with_their_nearest_ends(
    starts: list[Tag], ends: list[Tag], expected: set[Labelled]
) -> None:
    assert decode(6, starts, shared(*ends)) == expected


def test_ends_that_see_the_current_start_tell_nested_spans_apart() -> None:
    ends = {(0, 4, 0), (1, 2, 0)}
    assert decode(6, [(0, 0), (1, 0)], lambda *tag: tag in ends) == {(0, 5, 0), (1, 3, 0)}


def test_unsure_nearer_end_leaves_both_spans_as_candidates_by_their_odds() -> None:
    start = torch.zeros(1, 3, 1)
    odds = {0: -2.0, 1: 0.5, 2: 1.5}  # of an end at each word
    scores = span_log_odds(
        torch.tensor([[0, 0, 1], [0, 0, 2], [0, 0, 3]]),
        start,
        lambda cells: torch.tensor([[odds[word]] for word in cells[:, 2].tolist()]),
    )
    p = {word: 1 / (1 + np.exp(-x)) for word, x in odds.items()}
    chances = [
        0.5 * p[0],
        0.5 * p[1] * (1 - p[0]),
        0.5 * p[2] * (1 - p[0]) * (1 - p[1]),
    ]
    expected = [np.log(chance / (1 - chance)) for chance in chances]
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-5)


# Multi-span decoding, by property

N_WORDS = 9
LABELLED = st.tuples(
    st.integers(0, N_WORDS - 1), st.integers(1, N_WORDS), st.integers(0, LABELS - 1)
).filter(lambda span: span[0] < span[1])


@settings(deadline=None)
@given(st.lists(LABELLED, max_size=8))
def test_perfect_tags_decode_to_spans_of_which_none_of_one_label_overlap(
    spans: list[Labelled],
) -> None:
    gold: set[Labelled] = set()
    for start, end, label in spans:
        if all(end <= s or e <= start for s, e, other in gold if other == label):
            gold.add((start, end, label))
    starts = [(s, label) for s, _, label in gold]
    ends = [(e - 1, label) for _, e, label in gold]
    assert decode(N_WORDS, starts, shared(*ends)) == gold


@settings(deadline=None)
@given(st.lists(LABELLED, max_size=8, unique_by=lambda span: (span[0], span[2])))
def test_perfect_tags_of_each_start_decode_to_spans_that_nest_and_cross(
    spans: list[Labelled],
) -> None:
    ends = {(s, e - 1, label) for s, e, label in spans}
    starts = [(s, label) for s, _, label in spans]
    assert decode(N_WORDS, starts, lambda *tag: tag in ends) == set(spans)


TAGS = st.lists(st.tuples(st.integers(0, N_WORDS - 1), st.integers(0, LABELS - 1)), max_size=12)


@settings(deadline=None)
@given(TAGS, TAGS)
def test_spans_of_one_label_never_cross_where_starts_share_ends(
    starts: list[Tag], ends: list[Tag]
) -> None:
    found = decode(N_WORDS, starts, shared(*ends))
    # At most one span a start: its nearest end.
    expected = {
        (word, min(later) + 1, label)
        for word, label in starts
        if (later := [end for end, other in ends if other == label and end >= word])
    }
    assert found == expected
    for s, e, label in found:
        for t, f, other in found:
            assert label != other or not s < t < e < f


# Scores


@settings(deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(0, 1), min_size=1, max_size=20))
def test_span_log_odds_are_those_of_the_product_by_brute_force(seed: int, rows: list[int]) -> None:
    make = torch.Generator().manual_seed(seed)
    n_words = 6
    start = torch.randn(2, n_words, LABELS, generator=make) * 3
    table = torch.randn(2, n_words, n_words, LABELS, generator=make) * 3
    first = torch.randint(0, n_words, (len(rows),), generator=make)
    stop = first + 1 + (torch.rand(len(rows), generator=make) * (n_words - first)).long()
    spans = torch.stack([torch.tensor(rows), first, stop], dim=1)
    asked: list[list[int]] = []

    def ends(cells: Tensor) -> Tensor:
        asked.extend(cells.tolist())
        return table[cells.unbind(1)]

    found = span_log_odds(spans, start, ends)
    for scores, (row, s, e) in zip(found, spans.tolist(), strict=True):
        chance = start[row, s].double().sigmoid() * table[row, s, e - 1].double().sigmoid()
        for word in range(s, e - 1):
            chance = chance * (-table[row, s, word].double()).sigmoid()
        torch.testing.assert_close(scores, chance.logit().float(), rtol=1e-4, atol=1e-4)
    wanted = {(r, s, w) for r, s, e in spans.tolist() for w in range(s, e)}
    assert sorted(map(tuple, asked)) == sorted(wanted)  # each once, and nothing else


def test_all_of_is_the_product_of_probabilities_and_stays_finite() -> None:
    one, other = torch.tensor([0.0, 2.0, -3.0]), torch.tensor([0.0, -1.0, 4.0])
    expected = (one.sigmoid() * other.sigmoid()).logit()
    torch.testing.assert_close(all_of(one, other), expected)
    for extreme in (1e4, -1e4):
        score = torch.tensor(extreme, requires_grad=True)
        both = all_of(score, torch.tensor(extreme))
        both.backward()
        assert bool(both.isfinite())
        assert both.item() * extreme > 0
        assert score.grad is not None
        assert bool(score.grad.isfinite())


def test_cells_of_starts_are_the_words_from_them_on() -> None:
    cells, first = cells_from(torch.tensor([[0, 2], [3, 0], [3, 1]]), torch.tensor([1, 3, 2]))
    assert cells.tolist() == [[0, 2, 2], [3, 0, 0], [3, 0, 1], [3, 0, 2], [3, 1, 1], [3, 1, 2]]
    assert first.tolist() == [0, 1, 4]
    none, _ = cells_from(torch.zeros(0, 2, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    assert none.shape == (0, 3)


# The tagger


def make_tagger() -> BoundaryTagger:
    torch.manual_seed(0)
    tagger = BoundaryTagger(HIDDEN, WIDTH, LABELS, dropout=0.5)
    with torch.no_grad():
        for parameter in tagger.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return tagger.eval()


def test_tagger_equals_its_formula_word_by_word() -> None:
    tagger, make = make_tagger(), torch.Generator().manual_seed(3)
    states = torch.randn(2, 30, HIDDEN, generator=make)
    mask = torch.arange(30) < torch.tensor([[30], [4]])
    window = torch.tensor([1, 0, 1])
    about = torch.randn(3, 30, WIDTH, generator=make)
    tags = tagger(states, mask, window, about)
    assert tags.start.shape == (3, 30, LABELS)
    assert tags.mask.tolist() == mask[window].tolist()
    gelu = torch.nn.functional.gelu

    def feature(row: int, word: int) -> Tensor:
        own = states[window[row]]
        whole = own[mask[window[row]]].max(dim=0).values
        return gelu(tagger.start_word(own[word]) + tagger.sentence(whole) + about[row, word])

    cells = [(0, 0, 0), (0, 1, 3), (1, 2, 29), (1, 4, 28), (2, 3, 3)]
    ends = tagger.ends(tags, torch.tensor(cells))
    for found, (row, start, word) in zip(ends, cells, strict=True):
        read = feature(row, word)
        torch.testing.assert_close(tags.start[row, word], tagger.start_scorer(read))
        hidden = (
            tagger.end_word(states[window[row], word])
            + tagger.end_feature(read)
            + tagger.end_current(feature(row, start))
            + tagger.end_distance.weight[min(word - start, 24)]
        )
        torch.testing.assert_close(found, tagger.end_scorer(gelu(hidden)))


def test_padding_is_not_read() -> None:
    tagger = make_tagger()
    states = torch.randn(1, 6, HIDDEN, generator=torch.Generator().manual_seed(3))
    mask = torch.ones(1, 6, dtype=torch.bool)
    padded = torch.cat([states, torch.full((1, 3, HIDDEN), 50.0)], dim=1)
    longer = torch.cat([mask, torch.zeros(1, 3, dtype=torch.bool)], dim=1)
    short, long = tagger(states, mask), tagger(padded, longer)
    torch.testing.assert_close(long.start[:, :6], short.start)
    cells = torch.tensor([[0, 1, 5]])
    torch.testing.assert_close(tagger.ends(long, cells), tagger.ends(short, cells))


def test_start_tagger_feeds_the_end_tagger() -> None:
    """What the start tagger makes of the word and of the current start reaches the end's score."""
    tagger = make_tagger()
    states = torch.randn(1, 6, HIDDEN, generator=torch.Generator().manual_seed(3))
    tags = tagger(states, torch.ones(1, 6, dtype=torch.bool))
    cells = torch.tensor([[0, 1, 4], [0, 2, 4], [0, 1, 3]])
    before = tagger.ends(tags, cells)
    moved = tags.current.clone()
    moved[0, 1] += 1
    after = tagger.ends(replace(tags, current=moved), cells)
    assert (after != before).any(dim=1).tolist() == [True, False, True]
    with torch.no_grad():
        tagger.start_word.weight.mul_(2)  # of the start tagger alone
    again = tagger.ends(tagger(states, tags.mask), cells)
    assert bool((again != before).any(dim=1).all())
