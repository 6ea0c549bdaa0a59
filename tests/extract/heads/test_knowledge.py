"""Knowledge of names: keys of spans, names known, what is withheld in training."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.windows import EncodedBatch, Window
from extract.heads import GoldWindow
from extract.heads.knowledge import Knowledge, NamedFact, name_key, named_facts, span_keys
from tests.extract.heads.cases import GOLD

words = st.lists(st.lists(st.integers(0, 40000), min_size=1, max_size=3), min_size=1, max_size=7)


def text_of(windows: list[list[list[int]]]) -> Any:
    """Words of pieces as a text, each window behind a special piece and before a context piece."""
    n_pieces = max(sum(map(len, window)) for window in windows) + 2
    ids = torch.zeros(len(windows), n_pieces, dtype=torch.long)
    word_of_piece = torch.full_like(ids, -1)
    for row, window in enumerate(windows):
        flat = [(piece, at) for at, word in enumerate(window) for piece in word]
        for place, (piece, at) in enumerate(flat, 1):
            ids[row, place], word_of_piece[row, place] = piece, at
        ids[row, [0, len(flat) + 1]] = 7
    n_words = torch.tensor([len(window) for window in windows])
    mask = torch.arange(int(n_words.max())) < n_words.unsqueeze(1)
    batch = EncodedBatch(ids, ids >= 0, word_of_piece, torch.zeros_like(ids), mask)
    return cast(Any, SimpleNamespace(batch=batch))


@given(st.lists(words, min_size=1, max_size=3))
def test_keys_of_spans_are_those_of_their_pieces(windows: list[list[list[int]]]) -> None:
    n_spans = max(map(len, windows)) ** 2
    spans = torch.zeros(len(windows), n_spans, 2, dtype=torch.long)
    expected = []
    for row, window in enumerate(windows):
        own = [(i, j) for i in range(len(window)) for j in range(i + 1, len(window) + 1)]
        spans[row, : len(own)] = torch.tensor(own)
        expected.append([name_key([p for word in window[i:j] for p in word]) for i, j in own])
    found = span_keys(text_of(windows), spans)
    for row, keys in enumerate(expected):
        assert found[row, : len(keys)].tolist() == keys


def test_keys_tell_order_length_and_pieces() -> None:
    names = [(1,), (2,), (0,), (0, 0), (1, 2), (2, 1), (1, 2, 0), (0, 1, 2)]
    assert len({name_key(name) for name in names}) == len(names)


def test_facts_are_named_by_the_pieces_of_their_words() -> None:
    pieces = np.array([101, 11, 12, 13, 14, 15, 16, 17, 18, 102])
    words_ = np.array([-1, 0, 0, 1, 2, 3, 4, 4, 5, -1])
    window = Window(4, 0, 6, pieces, words_, words_)
    gold = replace(GOLD, triples=((0, 2, 1, 3, 6), (4, 5, 0, 0, 2)))
    expected = {"sentence": (1, 4), "relation": 1}
    first, second = named_facts([[], [(window, gold)]])
    assert first == NamedFact(
        subject=name_key([11, 12, 13]), object=name_key([15, 16, 17, 18]), **expected
    )
    assert second == NamedFact((1, 4), name_key([16, 17]), 0, first.subject)


# Names: 10 and 20 are joined in two sentences, 10 and 30 in one, 40 and 50 have one sentence each.
FACTS = [
    NamedFact((0, 0), 10, 0, 20),
    NamedFact((0, 0), 10, 1, 30),
    NamedFact((0, 1), 20, 2, 10),
    NamedFact((0, 2), 30, 0, 40),
    NamedFact((1, 0), 50, 0, 20),
    NamedFact((0, 1), 20, 2, 10),
]


def make_knowledge(n_names: int = 8, dropout: float = 0.0) -> Knowledge:
    knowledge = Knowledge(n_names, 2, dropout)
    knowledge.take(FACTS)
    knowledge.vectors.copy_(torch.arange(1.0, 2 * n_names + 1).view(n_names, 2))
    return knowledge


def test_names_are_known_with_their_distinct_facts() -> None:
    knowledge = Knowledge(8, 2, 0.0)
    triples = knowledge.take(FACTS)
    # rows: 10, 20, 30, 40, 50
    assert triples.tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 0], [2, 0, 3], [4, 0, 1]]
    keys = torch.tensor([[50, 10, 11], [30, (1 << 63) - 1, -4]])
    assert knowledge.rows(keys).tolist() == [[4, 0, -1], [2, -1, -1]]
    assert knowledge.elsewhere.tolist() == [True, True, True] + [False] * 5
    assert knowledge.joined_once.tolist() == [2, 12, 19]  # (0, 2), (1, 4) and (2, 3) of 8 names


def test_without_room_the_names_of_most_sentences_are_known() -> None:
    knowledge = Knowledge(2, 2, 0.0)
    assert knowledge.take(FACTS).tolist() == [[0, 0, 1], [1, 2, 0]]
    assert knowledge.keys.tolist() == [10, 20]  # 20 has three sentences, 10 and 30 have two
    assert knowledge.take([]).shape == (0, 3)
    assert knowledge.rows(torch.tensor([10])).tolist() == [-1]


ROWS = (torch.tensor([0, 1, 2, 1, 2, 3, -1, 2]), torch.tensor([1, 2, 1, 4, 3, 3, 0, -1]))


@pytest.mark.parametrize("training", [False, True])
def test_known_of_a_pair_by_hand(training: bool) -> None:
    knowledge = make_knowledge().train(training)
    found = knowledge.of_pairs(*ROWS)
    for row, (s, o) in enumerate(zip(*(rows.tolist() for rows in ROWS), strict=True)):
        known = {end for end in (s, o) if end >= 0}
        if training:
            known &= {0, 1, 2}  # names of two sentences or more
        left, right = (knowledge.vectors[end] if end in known else torch.zeros(2) for end in (s, o))
        assert found[row].tolist() == torch.cat([left, right, left * right]).tolist()
    assert bool(found[:3].ne(0).all())  # a fact that another sentence says too, and no facts


def test_of_names_joined_in_one_sentence_either_is_withheld_in_training() -> None:
    torch.manual_seed(0)
    knowledge = make_knowledge()
    ends = torch.tensor([0, 2]).repeat(500), torch.tensor([2, 0]).repeat(500)
    known = knowledge.train().of_pairs(*ends).view(-1, 3, 2).ne(0).all(-1)
    assert bool((known[:, 0] ^ known[:, 1]).all())
    assert not bool(known[:, 2].any())
    assert known.float().mean(dim=0)[:2].tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    assert bool(knowledge.eval().of_pairs(*ends).ne(0).all())


def test_a_share_of_names_is_withheld_in_training_alone() -> None:
    torch.manual_seed(0)
    knowledge = make_knowledge(dropout=0.25)
    subject, object_ = torch.zeros(4000, dtype=torch.long), torch.ones(4000, dtype=torch.long)
    known = knowledge.train().of_pairs(subject, object_).view(-1, 3, 2).ne(0).all(-1).float()
    assert known.mean(dim=0).tolist() == pytest.approx([0.75, 0.75, 0.5625], abs=0.03)
    assert bool(knowledge.eval().of_pairs(subject, object_).ne(0).all())


def test_untaught_knowledge_knows_nothing() -> None:
    knowledge = Knowledge(3, 2, 0.0)
    assert knowledge.rows(torch.tensor([0, 5])).tolist() == [-1, -1]


def test_empty_gold_names_no_fact() -> None:
    window = Window(0, 0, 1, np.array([5]), np.array([0]), np.array([0]))
    gold = GoldWindow((), (), (), frozenset(), frozenset(), frozenset())
    assert named_facts([[(window, gold)]]) == []
