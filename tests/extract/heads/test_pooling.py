"""Poolings of spans and pairs against loops over words; what is registered; trees by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from extract.heads.pooling import (
    PAIR_POOLINGS,
    SPAN_POOLINGS,
    PairPooling,
    PairText,
    SpanPooling,
    register_pair_pooling,
    register_span_pooling,
)
from extract.heads.pooling.attention import PairAttentionPooling
from extract.heads.pooling.dependency import DependencyPooling
from extract.heads.pooling.ranges import BetweenPooling
from extract.heads.pooling.spans import AttentionPooling, MaxPooling
from extract.heads.pooling.trees import PathMax, Trees
from extract.heads.spans import span_pairs
from tests.conftest import ROOT

HIDDEN, SPAN_WIDTH, FEATURES = 5, 3, 4
Span = tuple[int, int]


def span_pooling(name: str) -> SpanPooling:
    torch.manual_seed(0)
    return SPAN_POOLINGS[name](HIDDEN).eval()


def pair_pooling(name: str) -> PairPooling:
    torch.manual_seed(0)
    return PAIR_POOLINGS[name](HIDDEN, SPAN_WIDTH, FEATURES, 0.5).eval()


def text_of(spans: list[list[Span]], parents: list[list[int]], seed: int = 0) -> PairText:
    """Random words of windows, each as long as its list of parents, with two words of noise behind."""
    n_words = [len(of_window) for of_window in parents]
    width, n_spans = max(n_words) + 2, max(map(len, spans))
    make = torch.Generator().manual_seed(seed)
    tree = torch.full((len(spans), width), -1)
    rows = torch.zeros(len(spans), n_spans, 2, dtype=torch.long)
    for row, (own, of_window) in enumerate(zip(spans, parents, strict=True)):
        tree[row, : len(of_window)] = torch.tensor(of_window)
        rows[row, : len(own)] = torch.tensor(own)
    return PairText(
        words=torch.randn(len(spans), width, HIDDEN, generator=make),
        mask=torch.arange(width).view(1, -1) < torch.tensor(n_words).view(-1, 1),
        spans=rows,
        represented=torch.randn(len(spans), n_spans, SPAN_WIDTH, generator=make),
        parents=tree,
    )


@st.composite
def forests(draw: st.DrawFn, n_words: int) -> list[int]:
    """Parents of words in one or more trees of any shape."""
    order = draw(st.permutations(range(n_words)))
    parents = [-1] * n_words
    for place, word in enumerate(order):
        parents[word] = draw(st.sampled_from([-1, *order[:place]]))
    return parents


@st.composite
def texts(draw: st.DrawFn) -> PairText:
    """One to three windows with spans anywhere: at the edges, beside, inside and across each other."""
    spans, parents = [], []
    for _ in range(draw(st.integers(1, 3))):
        n_words = draw(st.integers(1, 9))
        every = [(i, j) for i in range(n_words) for j in range(i + 1, n_words + 1)]
        spans.append(draw(st.lists(st.sampled_from(every), min_size=1, max_size=5, unique=True)))
        parents.append(draw(forests(n_words)))
    return text_of(spans, parents, draw(st.integers(0, 2**31)))


# Spans


def attended_span(pooling: SpanPooling, words: Tensor) -> Tensor:
    assert isinstance(pooling, AttentionPooling)
    return (pooling.weigh(words).softmax(dim=0) * words).sum(dim=0)


SPAN_BY_HAND: dict[str, Callable[[SpanPooling, Tensor], Tensor]] = {
    "endpoints": lambda _, words: torch.cat([words[0], words[-1]]),
    "max": lambda _, words: words.max(dim=0).values,
    "attention": attended_span,
}


@pytest.mark.parametrize("name", SPAN_BY_HAND)
@given(text=texts())
@settings(deadline=None)  # the first call of a kernel takes its time
@torch.no_grad()
def test_span_pooling_reads_the_words_of_the_span_alone(name: str, text: PairText) -> None:
    pooling = span_pooling(name)
    real = text.spans[..., 1] > 0
    window = real.nonzero()[:, 0]
    found = pooling(text.words, window, text.spans[real])
    assert found.shape == (len(window), pooling.width)
    rows = zip(found, window.tolist(), text.spans[real].tolist(), strict=True)
    for row, w, (start, end) in rows:
        torch.testing.assert_close(row, SPAN_BY_HAND[name](pooling, text.words[w, start:end]))


# Pairs


def maximum(words: Tensor, chosen: list[int]) -> Tensor:
    return words[chosen].max(dim=0).values if chosen else torch.zeros(words.shape[-1])


def words_between(one: Span, other: Span) -> list[int]:
    return list(range(min(one[1], other[1]), max(one[0], other[0])))


def segments(words: Tensor, one: Span, other: Span) -> Tensor:
    before = list(range(min(one[0], other[0])))
    after = list(range(max(one[1], other[1]), len(words)))
    pieces = [before, list(range(*one)), words_between(one, other), list(range(*other)), after]
    return torch.cat([maximum(words, piece) for piece in pieces])


def path(parents: list[int], one: int, other: int) -> list[int] | None:
    """The words of the path, by a walk in all directions."""
    trails = [[one]]
    seen = {one}
    while trails:
        trail = trails.pop(0)
        if trail[-1] == other:
            return trail
        near = [w for w, up in enumerate(parents) if up == trail[-1]] + [parents[trail[-1]]]
        for word in near:
            if word >= 0 and word not in seen:
                seen.add(word)
                trails.append([*trail, word])
    return None


def highest(parents: list[int], span: Span) -> int:
    def depth(word: int) -> int:
        return 0 if parents[word] < 0 else 1 + depth(parents[word])

    return min(range(*span), key=depth)


def along_the_path(words: Tensor, parents: list[int], one: Span, other: Span) -> Tensor:
    found = path(parents, highest(parents, one), highest(parents, other))
    return maximum(words, words_between(one, other) if found is None else found)


def attended(pooling: PairPooling, words: Tensor, subject: Tensor, object_: Tensor) -> Tensor:
    assert isinstance(pooling, PairAttentionPooling)
    query = pooling.subject(subject) + pooling.object(object_)
    weights = (pooling.key(words) @ query / FEATURES**0.5).softmax(dim=0)
    return weights @ pooling.words(words)


def pair_by_hand(name: str, pooling: PairPooling, text: PairText, pair: list[int]) -> Tensor:
    window, subject, object_ = pair
    assert text.parents is not None
    words = text.words[window][text.mask[window]]
    one, other = (tuple(text.spans[window, row].tolist()) for row in (subject, object_))
    if name == "none":
        return torch.zeros(0)
    projected = pooling.words(words)
    if name == "between":
        return maximum(projected, words_between(one, other))
    if name == "segments":
        return segments(projected, one, other)
    if name == "dependency":
        parents = text.parents[window, : len(words)].tolist()
        return along_the_path(projected, parents, one, other)
    vectors = text.represented[window]
    return attended(pooling, words, vectors[subject], vectors[object_])


@pytest.mark.parametrize("name", PAIR_POOLINGS)
@given(text=texts())
@settings(deadline=None)  # the first call of a kernel takes its time
@torch.no_grad()
def test_pair_pooling_is_what_a_loop_over_the_windows_own_words_gives(
    name: str, text: PairText
) -> None:
    pooling = pair_pooling(name)
    pairs = span_pairs(text.spans[..., 1] > 0)
    found = pooling(text)(pairs)
    assert found.shape == (len(pairs), pooling.width)
    for row, pair in zip(found, pairs.tolist(), strict=True):
        torch.testing.assert_close(row, pair_by_hand(name, pooling, text, pair))


@pytest.mark.parametrize("name", PAIR_POOLINGS)
@torch.no_grad()
def test_pairs_may_be_pooled_a_few_at_a_time(name: str) -> None:
    text = text_of(
        [[(0, 2), (2, 3), (1, 6)], [(0, 1), (3, 4)]], [[1, 2, -1, 2, 3, 4], [1, -1, 1, 2]]
    )
    pooled, pairs = pair_pooling(name)(text), span_pairs(text.spans[..., 1] > 0)
    parts = [pooled(some) for some in pairs.split(3)]
    torch.testing.assert_close(torch.cat(parts), pooled(pairs))
    assert pooled(pairs[:0]).shape == (0, pair_pooling(name).width)


@pytest.mark.parametrize("name", [name for name in PAIR_POOLINGS if name != "none"])
def test_gradient_reaches_every_parameter_of_a_pair_pooling(name: str) -> None:
    text = text_of([[(0, 2), (4, 5)]], [[1, 2, -1, 2, 3, 4]])
    pooling = pair_pooling(name)
    (pooling(text)(span_pairs(text.spans[..., 1] > 0)) ** 2).sum().backward()
    for where, parameter in pooling.named_parameters():
        assert parameter.grad is not None, where
        assert bool(parameter.grad.abs().sum() > 0), where


# Trees

# 0 Alice  1 Smith  2 ,  3 who  4 lives  5 in  6 Paris  7 ,  8 works  9 for  10 Acme  11 .
PARENTS = [1, 8, 1, 4, 1, 4, 5, 8, -1, 8, 9, 8]
ALICE_SMITH, PARIS, ACME, PARIS_TO_ACME = (0, 2), (6, 7), (10, 11), (6, 11)


def path_words(one: Span, other: Span, parents: list[int] = PARENTS) -> set[int]:
    """The words that a path's maximum reads, found by words that each have a feature of their own."""
    trees = Trees(torch.tensor([parents]))
    heads = trees.highest(torch.tensor([[one, other]]))[0]
    words = torch.eye(len(parents)).unsqueeze(0)
    best, there = PathMax(words, trees)(torch.tensor([0]), heads[:1], heads[1:])
    assert there.tolist() == [True]
    return set(best[0].nonzero().flatten().tolist())


def test_paths_of_a_written_tree() -> None:
    assert path_words(ALICE_SMITH, PARIS) == {1, 4, 5, 6}  # Smith lives in Paris: straight down
    assert path_words(PARIS, ALICE_SMITH) == {1, 4, 5, 6}
    assert path_words(ALICE_SMITH, ACME) == {1, 8, 9, 10}  # Smith works for Acme: over the root
    assert path_words(PARIS, ACME) == {6, 5, 4, 1, 8, 9, 10}
    assert path_words(PARIS, PARIS_TO_ACME) == {6, 5, 4, 1, 8}  # its highest word is the root
    assert path_words(ALICE_SMITH, (1, 3)) == {1}  # both spans have the same head word
    assert path_words((8, 9), (8, 9)) == {8}


def test_highest_word_is_the_first_of_several() -> None:
    trees = Trees(torch.tensor([PARENTS]))
    spans = torch.tensor([[(0, 1), (2, 4), (2, 5), (9, 12), (0, 12)]])
    assert trees.highest(spans).tolist() == [[0, 2, 2, 9, 8]]
    assert trees.depth.tolist() == [[2, 1, 2, 3, 2, 3, 4, 1, 0, 1, 2, 1]]


@pytest.mark.parametrize("n_words", [1, 2, 3, 4, 5, 8, 9, 40])
def test_path_over_a_chain_of_any_length_reads_all_its_words(n_words: int) -> None:
    chain = [*range(1, n_words), -1]
    for one in (0, n_words // 2):
        found = path_words((one, one + 1), (n_words - 1, n_words), chain)
        assert found == set(range(one, n_words))


def test_long_paths_are_whole_in_half_the_bits() -> None:
    chain = [*range(1, 700), -1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        trees = Trees(torch.tensor([chain]))
    assert trees.depth.tolist() == [list(range(699, -1, -1))]
    assert trees.n_shared[0, 0].tolist() == list(range(700, 0, -1))


def test_words_of_different_trees_have_no_path_and_the_words_between_stand_in() -> None:
    text = text_of([[(0, 1), (3, 4), (4, 5)]], [[1, -1, 1, -1, 3]])
    pairs = torch.tensor([[0, 0, 1], [0, 0, 2], [0, 1, 2]])
    along = pair_pooling("dependency")(text)(pairs)
    between = pair_pooling("between")(text)(pairs)
    torch.testing.assert_close(along[:2], between[:2])
    assert not torch.allclose(along[2], between[2])  # nothing is between, but a path there is


def test_dependency_pooling_without_parses_says_what_it_needs() -> None:
    text = text_of([[(0, 1)]], [[-1]])
    bare = PairText(text.words, text.mask, text.spans, text.represented)
    with pytest.raises(ValueError, match=r"expected word states with `parents`, got None"):
        pair_pooling("dependency")(bare)


# Registries


def test_every_pooling_is_compared_with_a_loop_and_names_its_source() -> None:
    assert set(SPAN_BY_HAND) == set(SPAN_POOLINGS)
    assert set(PAIR_POOLINGS) == {"none", "between", "segments", "attention", "dependency"}
    for name, cls in [*SPAN_POOLINGS.items(), *PAIR_POOLINGS.items()]:
        if name == "none":  # nothing is no published method
            continue
        text = cls.__doc__ or ""
        assert re.search(r"(et al\.|[A-Z]\w+ and [A-Z]\w+) (19|20)\d\d, [A-Z]", text), name
        assert "Differs from the paper" in text, name
    assert {name for name, cls in PAIR_POOLINGS.items() if cls.needs_parse} == {"dependency"}


def test_every_pooling_has_a_row_in_the_docs() -> None:
    lines = (ROOT / "docs" / "heads.md").read_text(encoding="utf-8").splitlines()
    rows = {
        match.groups() for line in lines if (match := re.match(r"\| (span|pair) \| `(\w+)`", line))
    }
    expected = {("span", name) for name in SPAN_POOLINGS} | {
        ("pair", name) for name in PAIR_POOLINGS
    }
    assert rows == expected


def test_taken_names_are_refused() -> None:
    with pytest.raises(ValueError, match="span pooling name 'max' is taken by MaxPooling"):
        register_span_pooling("max")(MaxPooling)
    with pytest.raises(ValueError, match="pair pooling name 'between' is taken by BetweenPooling"):
        register_pair_pooling("between")(BetweenPooling)
    with pytest.raises(ValueError, match="'dependency' is taken by DependencyPooling"):
        register_pair_pooling("dependency")(DependencyPooling)
