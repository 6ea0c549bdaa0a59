"""What marker heads share: the pieces of spans, how many enter pairs, pairs turned round."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.heads.base import WordStates
from extract.heads.marked_text import (
    n_ends,
    piece_ends,
    span_ends,
    symmetric_relations,
    turned_round,
)
from extract.heads.spans import span_pairs
from extract.schema import EntityType, Relation, Schema


def states_of(word_of_piece: list[list[int]], mask: list[list[int]]) -> WordStates:
    words = torch.zeros(*torch.tensor(mask).shape, 2)
    text = SimpleNamespace(batch=SimpleNamespace(word_of_piece=torch.tensor(word_of_piece)))
    return WordStates(words, words, words, torch.tensor(mask).bool(), cast(Any, text))


def test_spans_end_at_the_first_and_last_piece_of_their_words() -> None:
    states = states_of([[-1, 0, 0, 1, 2, 2, -1], [-1, -1, 0, 1, 1, 1, -1]], [[1, 1, 1], [1, 1, 0]])
    spans = torch.tensor([[[0, 1], [1, 3]], [[0, 2], [1, 2]]])
    assert span_ends(states, spans)[1].tolist() == [[[1, 2], [3, 5]], [[2, 5], [3, 5]]]
    padding = torch.zeros(2, 1, 2, dtype=torch.long)  # says nothing, and does not fail
    assert span_ends(states, padding)[1].shape == (2, 1, 2)


def test_word_states_without_their_text_say_so() -> None:
    words = torch.zeros(1, 3, 2)
    states = WordStates(words, words, words, torch.ones(1, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="expected word states with `text`, got None"):
        piece_ends(states)


def test_a_window_of_many_words_has_more_ends() -> None:
    mask = torch.arange(40).view(1, -1) < torch.tensor([[3], [31], [32], [40]])
    assert n_ends(mask, 7).tolist() == [7, 7, 8, 10]


def test_symmetric_relations_are_those_of_the_schema() -> None:
    schema = Schema((EntityType("E"),), (Relation("a"), Relation("b", symmetric=True)))
    assert symmetric_relations(schema).tolist() == [False, True]
    assert symmetric_relations(Schema((EntityType("E"),))).shape == (0,)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_pairs_turned_round_exchange_subject_and_object(n_spans: list[int]) -> None:
    real = torch.arange(max(n_spans)).view(1, -1) < torch.tensor(n_spans).view(-1, 1)
    pairs = span_pairs(real)
    turned = pairs[turned_round(pairs, real)]
    assert turned.tolist() == pairs[:, [0, 2, 1]].tolist()
