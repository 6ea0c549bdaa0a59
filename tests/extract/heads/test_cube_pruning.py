"""Pruning the cube of inference: which words enter, which rows are left, scores by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.decode.candidates import Candidates
from extract.heads import WordStates, build_head
from extract.heads.cube_pruning import PrunedCube, likeliest_words
from extract.heads.table import TableConfig, TableHead, word_scores
from tests.extract.heads.cases import HIDDEN, SCHEMA, as_dict, make_states, same

CONFIG = TableConfig(
    width=8, cube_width=9, dropout=0.0, max_spans=12, span_floor=-2.0, triple_floor=-1.0
)


def make_head(n_words: int, seed: int = 0) -> TableHead:
    torch.manual_seed(seed)
    config = CONFIG.model_copy(update={"cube_words_inference": n_words})
    head = build_head(config, SCHEMA, HIDDEN)
    assert isinstance(head, TableHead)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


def found_by(head: TableHead, states: WordStates) -> list[Candidates]:
    with torch.inference_mode():
        return head.candidates(states)


def entering(head: TableHead, states: WordStates) -> torch.Tensor:
    scores = word_scores(head._span_scores(states.entities), states.mask)
    return likeliest_words(scores, states.mask, head.config.cube_words_inference)


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=9), min_size=1, max_size=4),
    st.integers(1, 10),
)
@settings(max_examples=60, deadline=None)
def test_the_best_words_enter_and_of_equal_ones_the_first(rows: list[list[int]], k: int) -> None:
    width = max(map(len, rows)) + 2
    likely = torch.full((len(rows), width), float("-inf"))
    for row, scores in enumerate(rows):
        likely[row, : len(scores)] = torch.tensor(scores, dtype=torch.float32)
    found = likeliest_words(likely, likely.isfinite(), k)
    for row, scores in enumerate(rows):
        best = sorted(range(len(scores)), key=lambda word: (-scores[word], word))[:k]
        assert found[row].nonzero().flatten().tolist() == sorted(best)


def test_pruned_spans_and_triples_by_hand() -> None:
    spans = torch.tensor([[[0, 2], [3, 4], [2, 4]], [[1, 2], [0, 1], [0, 0]]])
    real = torch.tensor([[True] * 3, [True, True, False]])
    member = torch.tensor(
        [
            [[0.5, 0.5, 0, 0], [0, 0, 0, 1.0], [0, 0, 0.5, 0.5]],
            [[0, 1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 0]],
        ]
    )
    enters = torch.tensor([[False, True, True, False], [True, False, False, False]])
    triples = torch.tensor([[0, 0, 4, 1], [0, 2, 3, 0], [0, 0, 1, 2], [1, 0, 0, 1]])
    pruned = PrunedCube.of(spans, member, real, triples, enters)
    # Window 0 keeps its first and third span, each by one word; window 1 its second span alone.
    assert pruned.real.tolist() == [[True, True, False], [True, False, False]]
    assert pruned.spans[0, :2].tolist() == [[0, 2], [2, 4]]
    assert pruned.spans[1, 0].tolist() == [0, 1]
    assert pruned.member[0, :2].tolist() == [[0, 1.0, 0, 0], [0, 0, 1.0, 0]]
    assert pruned.triples.tolist() == [[0, 1, 3, 0], [0, 0, 1, 1]]
    assert pruned.in_full(torch.tensor([[0, 7, 0], [1, 5, 1]])).tolist() == [[1, 7, 0], [2, 5, 2]]


@pytest.mark.parametrize("k", [1, 3, 5])
@torch.no_grad()
def test_qualifiers_are_those_of_the_cells_left_by_brute_force(k: int) -> None:
    head, whole, states = make_head(k), make_head(0), make_states([7, 9, 2])
    enters, cube, words = entering(head, states), head.cube, states.qualifiers
    subject, object_, value = (part(words) for part in (cube.subject, cube.object, cube.value))
    n_found = 0
    both = zip(found_by(head, states), found_by(whole, states), strict=True)
    for row, (found, full) in enumerate(both):
        of_full, got = as_dict(full), as_dict(found)
        # Entities and triples stay as they are: they begin with a span and not with a triple.
        expected = {key: score for key, score in of_full.items() if len(key[0]) == 2}  # type: ignore[index]
        spans = [tuple(span) for span in found.spans.tolist()]
        left = {s: [w for w in range(*s) if enters[row, w]] for s in spans}
        at = {span: i for i, span in enumerate(spans)}
        beside = torch.zeros(1, len(spans), object_.shape[-1]), torch.zeros(1, len(spans), 9)
        for span in spans:
            if left[span]:
                beside[0][0, at[span]] = object_[row, left[span]].mean(0)
                beside[1][0, at[span]] = value[row, left[span]].mean(0)
        of = torch.from_numpy(found.spans).unsqueeze(0)
        for s, r, o in [(spans[a], r, spans[b]) for a, r, b in found.triples.tolist()]:
            for v in spans:
                if not (left[s] and left[o] and left[v]):
                    continue
                cells = torch.stack(
                    [
                        cube.scorer(
                            (subject[row, i] * object_[row, j]).view(1, 1, -1),
                            value[row, k].view(1, 1, -1),
                        )[0, 0, 0]
                        for i in left[s] for j in left[o] for k in left[v]
                    ]
                )  # fmt: skip
                pair = torch.tensor([[0, at[o], at[v]]])
                score = cells.mean(0) + cube.context(words[row : row + 1], of, *beside, pair)[0]
                score = score + cube.by_relation.weight[r]
                expected |= {
                    ((s, r, o), q, v): float(x)
                    for q, x in enumerate(score)
                    if float(x) > CONFIG.triple_floor
                }
        assert got.keys() == expected.keys()
        for key, score in expected.items():
            assert got[key] == pytest.approx(float(score), abs=1e-3)
        n_found += len(found.qualifiers)
    assert n_found


@pytest.mark.parametrize("n_words", [9, 200])
def test_nothing_is_pruned_where_all_words_enter(n_words: int) -> None:
    states = make_states([7, 9, 2])
    for one, other in zip(
        found_by(make_head(n_words), states), found_by(make_head(0), states), strict=True
    ):
        assert len(one.qualifiers) or len(one.spans) < 3
        same(one, other)


def test_fewer_words_leave_fewer_rows_and_the_same_triples() -> None:
    states = make_states([12])
    found = [found_by(make_head(k), states)[0] for k in (1, 3, 6, 0)]
    counts = [len(one.qualifiers) for one in found]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    for one in found:
        np.testing.assert_array_equal(one.triples, found[-1].triples)
        np.testing.assert_array_equal(one.triple_scores, found[-1].triple_scores)


def test_pruned_candidates_do_not_depend_on_the_batch() -> None:
    head, lengths = make_head(4), [3, 20, 7, 1, 12]
    alone = [found_by(head, make_states([n]))[0] for n in lengths]
    together = found_by(head, make_states(lengths))
    other_way = found_by(head, make_states(lengths[::-1], width=25))[::-1]
    assert sum(len(one.qualifiers) for one in alone)
    for one, two, three in zip(alone, together, other_way, strict=True):
        same(one, two)
        same(one, three)


# Qualifiers of given triples


@pytest.mark.parametrize("n_words", [0, 4])
def test_head_gives_its_own_triples_their_own_qualifiers(n_words: int) -> None:
    head, states = make_head(n_words), make_states([7, 1, 12])
    found = found_by(head, states)
    assert sum(len(one.qualifiers) for one in found)
    with torch.inference_mode():
        again = head.qualified(states, found)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.spans, other.spans)
        np.testing.assert_array_equal(one.triples, other.triples)
        np.testing.assert_array_equal(one.entity_scores, other.entity_scores)
        same(one, other)


def test_triples_of_another_head_keep_their_scores_and_get_this_heads_qualifiers() -> None:
    first, second, states = make_head(0), make_head(0, seed=5), make_states([7, 12])
    found = found_by(first, states)
    bare = [
        Candidates(
            one.spans, one.entity_scores, one.triples[:3], one.triple_scores[:3],
            np.zeros((0, 3), np.int64), np.zeros(0, np.float32),
        )
        for one in found
    ]  # fmt: skip
    with torch.inference_mode():
        of_all, of_few = second.qualified(states, found), second.qualified(states, bare)
    assert sum(len(one.qualifiers) for one in of_few)
    for one, all_, few in zip(found, of_all, of_few, strict=True):
        np.testing.assert_array_equal(few.triples, one.triples[:3])
        np.testing.assert_array_equal(few.triple_scores, one.triple_scores[:3])
        kept = all_.qualifiers[:, 0] < 3
        np.testing.assert_array_equal(few.qualifiers, all_.qualifiers[kept])
        np.testing.assert_allclose(few.qualifier_scores, all_.qualifier_scores[kept], atol=1e-4)
    assert as_dict(of_all[0]).keys() != as_dict(found[0]).keys()


def test_windows_without_triples_or_spans_have_no_qualifiers() -> None:
    head, states = make_head(0), make_states([7, 3])
    none = Candidates.empty(len(SCHEMA.entity_types))
    with torch.inference_mode():
        for one in head.qualified(states, [none, none]):
            assert one.spans.shape == (0, 2)
            assert one.entity_scores.shape == (0, 3)
            assert one.qualifiers.shape == (0, 3)
