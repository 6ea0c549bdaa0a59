"""Handshaking tags: gold tags by hand, losses by brute force, triples read back from tags."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from extract.heads import GoldWindow
from extract.heads.handshaking import (
    link_targets,
    multi_label_loss,
    softmax_log_odds,
    softmax_loss,
    triple_scores,
    upper_cells,
)

Span = tuple[int, int]
Fact = tuple[Span, int, Span]
N_RELATIONS = 3
SURE = 20.0
BOTH_TAGGINGS = pytest.mark.parametrize("one_tag", [True, False])


def window(*facts: Fact, relations: int = N_RELATIONS) -> GoldWindow:
    return GoldWindow(
        entities=tuple(
            dict.fromkeys(
                (*span, 0) for subject, _, object_ in facts for span in (subject, object_)
            )
        ),
        triples=tuple((*subject, relation, *object_) for subject, relation, object_ in facts),
        qualifiers=(),
        entity_types=frozenset({0}),
        relations=frozenset(range(relations)),
        qualifier_labels=frozenset(),
    )


def whole(lengths: list[int]) -> torch.Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def tags_of(gold: list[GoldWindow], lengths: list[int], *, one_tag: bool) -> set[tuple[int, ...]]:
    """Gold tags as (window, first, last, end, direction, relation)."""
    cells = upper_cells(whole(lengths))
    target = link_targets(cells, max(lengths), gold, N_RELATIONS, one_tag=one_tag)
    return {(*cells[row].tolist(), *tag) for row, *tag in target.nonzero().tolist()}


def test_cells_are_the_upper_triangle_of_real_words_in_order() -> None:
    cells = list(map(tuple, upper_cells(whole([3, 1])).tolist()))
    assert cells == [
        (0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 1), (0, 1, 2), (0, 2, 2), (1, 0, 0),
    ]  # fmt: skip


# The words: 0 Mr 1 Smith 2 , 3 head 4 of 5 Acme 6 of 7 Ohio
SMITH, ACME_OF_OHIO, ACME, OHIO = (0, 2), (5, 8), (5, 6), (7, 8)


@BOTH_TAGGINGS
def test_tags_of_a_reversed_pair_a_nested_pair_and_two_relations_of_one_pair(one_tag: bool) -> None:
    sentence = window(
        (SMITH, 0, ACME_OF_OHIO),
        (SMITH, 2, ACME_OF_OHIO),  # two relations of one pair
        (ACME_OF_OHIO, 1, SMITH),  # reversed
        (ACME_OF_OHIO, 0, OHIO),  # nested, with one last word
        (ACME, 0, ACME_OF_OHIO),  # nested, with one first word
    )
    assert tags_of([sentence], [8], one_tag=one_tag) == {
        # window, first word, last word, end (0 first words, 1 last words), direction (1 reversed), relation
        (0, 0, 5, 0, 0, 0), (0, 1, 7, 1, 0, 0),
        (0, 0, 5, 0, 0, 2), (0, 1, 7, 1, 0, 2),
        (0, 0, 5, 0, 1, 1), (0, 1, 7, 1, 1, 1),
        (0, 5, 7, 0, 0, 0), (0, 7, 7, 1, 0, 0),
        (0, 5, 5, 0, 0, 0), (0, 5, 7, 1, 0, 0),
    }  # fmt: skip


def test_reverse_of_a_link_needs_the_multi_label_tags() -> None:
    forth, back = (SMITH, 0, ACME), (ACME, 0, SMITH)
    links = {(0, 0, 5, 0, 0, 0), (0, 1, 5, 1, 0, 0)}
    reverse = {(0, 0, 5, 0, 1, 0), (0, 1, 5, 1, 1, 0)}
    assert tags_of([window(forth, back)], [8], one_tag=False) == links | reverse
    assert tags_of([window(forth, back)], [8], one_tag=True) == links
    assert tags_of([window(back, forth)], [8], one_tag=True) == reverse


def test_tags_stay_in_their_window_and_a_span_related_to_itself_has_none() -> None:
    gold = [window((SMITH, 0, SMITH)), window(), window(((2, 3), 1, (0, 1)))]
    assert tags_of(gold, [8, 2, 3], one_tag=True) == {(2, 0, 2, 0, 1, 1), (2, 0, 2, 1, 1, 1)}


# Losses


def scored(one_tag: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[GoldWindow]]:
    """Scores, targets and cells of two windows, the second annotated for relations 0 and 1 alone."""
    gold = [window((SMITH, 0, ACME), (ACME, 2, SMITH)), window(((0, 1), 1, (2, 3)), relations=2)]
    cells = upper_cells(whole([8, 3]))
    target = link_targets(cells, 8, gold, N_RELATIONS, one_tag=one_tag)
    scores = torch.randn(target.shape, generator=torch.Generator().manual_seed(0)) * 2
    return scores.requires_grad_(), target, cells, gold


def test_softmax_loss_is_the_sum_of_cross_entropies_by_brute_force() -> None:
    scores, target, cells, gold = scored(one_tag=True)
    scores, total = scores.detach(), 0.0
    for row, (at, _, _) in enumerate(cells.tolist()):
        for end in (0, 1):
            for relation in sorted(gold[at].relations):
                tags = torch.cat([torch.zeros(1), scores[row, end, :, relation]])
                of_tag = [True, *target[row, end, :, relation].tolist()]
                right = 2 if of_tag[2] else 1 if of_tag[1] else 0
                total -= tags.log_softmax(0)[right].item()
    assert softmax_loss(scores, target, cells, gold).item() == pytest.approx(total, rel=1e-5)


def test_multi_label_loss_is_the_sum_over_cells_by_brute_force() -> None:
    scores, target, cells, gold = scored(one_tag=False)
    scores, total = scores.detach(), 0.0
    for row, (at, _, _) in enumerate(cells.tolist()):
        counted = sorted(gold[at].relations)
        own, right = scores[row][..., counted], target[row][..., counted]
        total += float(
            torch.log1p(own[~right].exp().sum()) + torch.log1p((-own[right]).exp().sum())
        )
    assert multi_label_loss(scores, target, cells, gold).item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize(("loss", "one_tag"), [(softmax_loss, True), (multi_label_loss, False)])
def test_relation_that_a_corpus_does_not_annotate_is_not_trained_by_it(
    loss: Callable[..., torch.Tensor], one_tag: bool
) -> None:
    scores, target, cells, gold = scored(one_tag)
    loss(scores, target, cells, gold).backward()
    grad = scores.grad
    assert grad is not None
    in_second = cells[:, 0] == 1
    assert grad[in_second][..., 2].eq(0).all()
    assert grad[in_second][..., :2].ne(0).all()
    assert grad[~in_second].ne(0).all()


def test_log_odds_are_those_of_one_tag_against_the_other_two() -> None:
    scores = torch.randn(4, 2, N_RELATIONS, generator=torch.Generator().manual_seed(1)) * 3
    found = softmax_log_odds(scores)
    tags = torch.cat([torch.zeros(4, 1, N_RELATIONS), scores], dim=1).softmax(dim=1)[:, 1:]
    torch.testing.assert_close(found, (tags / (1 - tags)).log(), rtol=1e-4, atol=1e-4)


# Reading


def read(spans: list[Span], tags: set[tuple[int, ...]], n_words: int) -> set[Fact]:
    """What is read for `spans` from tags of one window that are certain."""
    cells = upper_cells(whole([n_words]))
    place = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    links = torch.full((len(cells), 2, 2, N_RELATIONS), -SURE)
    for *cell, end, direction, relation in tags:
        links[place[tuple(cell)], end, direction, relation] = SURE

    def log_odds(asked: torch.Tensor, end: int) -> torch.Tensor:
        rows = list(map(tuple, asked.tolist()))
        assert len(set(rows)) == len(rows)  # each cell once
        return links[[place[row] for row in rows], end]

    real = torch.ones(1, len(spans), dtype=torch.bool)
    pairs, scores = triple_scores(torch.tensor([spans]), real, n_words, log_odds)
    assert len(pairs) == len(spans) * (len(spans) - 1)
    return {
        (spans[pairs[at, 1]], relation, spans[pairs[at, 2]])
        for at, relation in (scores > 0).nonzero().tolist()
    }


def mixed(facts: list[Fact], spans: list[Span]) -> set[Fact]:
    """Triples whose first words one fact links and whose last words another."""
    found = {((s[0], t[1]), r, (o[0], p[1])) for s, r, o in facts for t, q, p in facts if q == r}
    return {(s, r, o) for s, r, o in found if s in spans and o in spans and s != o} - set(facts)


def reversed_links(facts: list[Fact]) -> bool:
    """Whether some cell would need a link and its reverse of one relation."""
    links = {(end, r, s[end], o[end]) for s, r, o in facts for end in (0, 1) if s[end] != o[end]}
    return any((end, r, o, s) in links for end, r, s, o in links)


N_WORDS = 7
spans_of_a_sentence = st.lists(
    st.tuples(st.integers(0, N_WORDS - 1), st.integers(1, 4)).map(
        lambda at: (at[0], min(at[0] + at[1], N_WORDS))
    ),
    min_size=2,
    max_size=6,
    unique=True,
)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], list[Fact]]:
    spans = draw(spans_of_a_sentence)
    pairs = [(s, r, o) for s in spans for o in spans if s != o for r in range(N_RELATIONS)]
    return spans, draw(st.lists(st.sampled_from(pairs), max_size=8, unique=True))


@BOTH_TAGGINGS
@given(sentence=sentences())
@example(sentence=([(0, 2), (0, 5)], [((0, 2), 0, (0, 5))]))  # one first word
@example(sentence=([(0, 5), (3, 5)], [((0, 5), 0, (3, 5))]))  # one last word
@example(sentence=([(0, 5), (1, 3)], [((1, 3), 0, (0, 5)), ((0, 5), 1, (1, 3))]))
@example(sentence=([(0, 1), (2, 3), (4, 5)], [((2, 3), 0, (0, 1)), ((2, 3), 0, (4, 5))]))
def test_tags_of_unambiguous_facts_are_read_back_to_exactly_these_facts(
    one_tag: bool, sentence: tuple[list[Span], list[Fact]]
) -> None:
    spans, facts = sentence
    assume(not mixed(facts, spans))
    assume(not (one_tag and reversed_links(facts)))
    tags = tags_of([window(*facts)], [N_WORDS], one_tag=one_tag)
    assert read(spans, tags, N_WORDS) == set(facts)


@given(sentence=sentences())
def test_multi_label_tags_lose_no_fact_and_add_only_mixed_ones(
    sentence: tuple[list[Span], list[Fact]],
) -> None:
    spans, facts = sentence
    found = read(spans, tags_of([window(*facts)], [N_WORDS], one_tag=False), N_WORDS)
    assert found == set(facts) | mixed(facts, spans)


@BOTH_TAGGINGS
def test_links_of_two_facts_may_mix_into_a_third(one_tag: bool) -> None:
    a, b, c, d, third = (0, 2), (4, 5), (1, 3), (4, 6), (0, 3)
    facts = [(a, 0, b), (c, 0, d)]
    tags = tags_of([window(*facts)], [N_WORDS], one_tag=one_tag)
    assert read([a, b, c, d], tags, N_WORDS) == set(facts)
    assert read([a, b, c, d, third], tags, N_WORDS) == {*facts, (third, 0, d)}


def test_one_tag_loses_a_fact_whose_reverse_stands_on_its_cells() -> None:
    a, b = (0, 2), (4, 5)
    facts = [(a, 0, b), (b, 0, a), (b, 1, a)]
    found = {
        one_tag: read([a, b], tags_of([window(*facts)], [N_WORDS], one_tag=one_tag), N_WORDS)
        for one_tag in (True, False)
    }
    assert found == {True: {facts[0], facts[2]}, False: set(facts)}


def test_score_of_a_triple_is_that_of_its_weaker_link() -> None:
    spans = torch.tensor([[[0, 2], [3, 6], [0, 0]], [[1, 2], [0, 2], [0, 1]]])
    real = torch.tensor([[True, True, False], [True, True, True]])

    def log_odds(cells: torch.Tensor, end: int) -> torch.Tensor:
        window_, first, last = cells.unbind(1)
        code = (1000 * window_ + 100 * first + 10 * last) * (-1 if end else 1)
        return (code.view(-1, 1, 1) + torch.tensor([[0.0, 1], [4, 5]])).expand(-1, 2, 2)

    pairs, scores = triple_scores(spans, real, 6, log_odds)
    found = {tuple(pair): row for pair, row in zip(pairs.tolist(), scores.tolist(), strict=True)}
    assert len(found) == 2 + 6
    assert found[0, 0, 1] == [-150, -149]  # last words 1 and 5
    assert found[0, 1, 0] == [-146, -145]  # the same, reversed
    assert found[1, 0, 1] == [-1110, -1109]  # one last word: a link, not reversed
    assert found[1, 1, 0] == [-1110, -1109]
    assert found[1, 0, 2] == [-1006, -1005]
