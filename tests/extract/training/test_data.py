"""Training windows: gold in window words, what a corpus annotates, batches, order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.parses import DependencyParser
from extract.encoder.pretrained import load_tokenizer
from extract.encoder.windows import Windower
from extract.schema import Schema
from extract.training.data import (
    Annotated,
    Collator,
    LengthGroupedSampler,
    to_batch,
    training_windows,
)
from tests.extract.cases import sentence_of

SENTENCE = sentence_of(
    "Ann met Bo in Oslo in 1999",
    [(0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC"), (6, 7, "TIME")],
    [(0, "met", 1, [("where", 2), ("when", 3)]), (1, "in", 2, [])],
)
SCHEMA = Schema.infer([SENTENCE])


@pytest.fixture
def windower(tiny_encoder: Path) -> Windower:
    return Windower(load_tokenizer(str(tiny_encoder)), max_pieces=192, max_words=8)


def test_gold_of_a_whole_sentence(windower: Windower) -> None:
    annotated = Annotated.by(SCHEMA, SCHEMA)
    (item,) = training_windows([SENTENCE], windower, SCHEMA, annotated)
    loc, per, time = range(3)
    in_, met = range(2)
    when, where = range(2)
    assert SCHEMA.entity_names == ["LOC", "PER", "TIME"]
    assert item.gold.entities == ((0, 1, per), (2, 3, per), (4, 5, loc), (6, 7, time))
    assert item.gold.triples == ((0, 1, met, 2, 3), (2, 3, in_, 4, 5))
    assert item.gold.qualifiers == ((0, where, 4, 5), (0, when, 6, 7))
    assert item.gold.entity_types == frozenset(range(3))
    assert item.gold.relations == item.gold.qualifier_labels == frozenset(range(2))


def test_gold_of_a_cut_sentence_counts_from_each_window(tiny_encoder: Path) -> None:
    windower = Windower(load_tokenizer(str(tiny_encoder)), max_pieces=192, max_words=4)
    items = training_windows([SENTENCE], windower, SCHEMA, Annotated.by(SCHEMA, SCHEMA))
    assert [(i.window.start_word, i.window.end_word) for i in items] == [
        *[(0, 4), (2, 6), (4, 7)][:2],
        (4, 7),
    ]
    whole, middle, end = (i.gold for i in items)
    assert whole.entities == ((0, 1, 1), (2, 3, 1))
    assert whole.triples == ((0, 1, 1, 2, 3),)
    assert whole.qualifiers == ()  # their values stand outside
    assert middle.entities == ((0, 1, 1), (2, 3, 0))
    assert middle.triples == ((0, 1, 0, 2, 3),)
    assert end.entities == ((0, 1, 0), (2, 3, 2))
    assert end.triples == ()


def test_labels_outside_the_schema_are_untyped_or_left_out(windower: Windower) -> None:
    own = Schema.from_dict({"entity_types": ["PER"], "relations": ["met"], "qualifiers": ["when"]})
    (item,) = training_windows([SENTENCE], windower, own, Annotated.by(SCHEMA, own))
    assert item.gold.entities == ((0, 1, 0), (2, 3, 0), (4, 5, -1), (6, 7, -1))
    assert item.gold.triples == ((0, 1, 0, 2, 3),)
    assert item.gold.qualifiers == ((0, 0, 6, 7),)


def test_annotated_maps_names_to_the_places_of_the_model_schema() -> None:
    own = Schema.from_dict({"entity_types": ["TIME", "X"], "relations": ["met"]})
    annotated = Annotated.by(own, SCHEMA)
    assert annotated.entity_types == {2}
    assert annotated.relations == {1}
    assert annotated.qualifiers == frozenset()


def test_collator_pads_and_keeps_gold(windower: Windower) -> None:
    annotated = Annotated.by(SCHEMA, SCHEMA)
    items = training_windows([SENTENCE, sentence_of("Ann left")], windower, SCHEMA, annotated)
    inputs = Collator(windower)(items)
    batch = to_batch(inputs)  # type: ignore[arg-type]
    direct = windower.batch([i.window for i in items])
    for name in ("piece_ids", "piece_mask", "word_of_piece", "shape_of_piece", "word_mask"):
        assert torch.equal(getattr(batch, name), getattr(direct, name))
    assert inputs["gold"] == [i.gold for i in items]


def test_collator_hides_word_pieces_only_and_about_the_share_asked_for(windower: Windower) -> None:
    annotated = Annotated.by(SCHEMA, SCHEMA)
    items = training_windows([SENTENCE, sentence_of("Ann left")] * 300, windower, SCHEMA, annotated)
    torch.manual_seed(0)
    shown = windower.batch([i.window for i in items])
    ids = Collator(windower, 0.3)(items)["piece_ids"]
    assert isinstance(ids, torch.Tensor)
    changed = ids != shown.piece_ids
    word = shown.word_of_piece >= 0
    # A piece that already is the unknown piece does not change when hidden behind it.
    word &= shown.piece_ids != windower.mask_id
    assert not changed[~word].any()
    assert float(changed[word].float().mean()) == pytest.approx(0.3, abs=0.03)
    assert (ids[changed] == windower.mask_id).all()


lengths = st.lists(st.integers(3, 60), max_size=80)


@given(lengths, st.integers(1, 9), st.integers(0, 5), st.integers(0, 5), st.integers(1, 4))
def test_sampler_is_a_permutation_that_seed_and_epoch_alone_decide(
    of: list[int], batch_size: int, seed: int, epoch: int, group: int
) -> None:
    def order(epoch: int, *, warm: bool = False) -> list[int]:
        sampler = LengthGroupedSampler(of, batch_size, seed, group)
        if warm:  # whatever was drawn before
            sampler.set_epoch(9)
            list(sampler)
        sampler.set_epoch(epoch)
        return list(sampler)

    found = order(epoch)
    assert sorted(found) == list(range(len(of)))
    assert len(LengthGroupedSampler(of, batch_size, seed, group)) == len(found)
    assert order(epoch) == found
    torch.manual_seed(1)
    assert order(epoch, warm=True) == found


def test_sampler_orders_differ_by_epoch_and_by_seed() -> None:
    orders = set()
    for seed in range(3):
        sampler = LengthGroupedSampler(list(range(64)), 4, seed)
        for epoch in range(3):
            sampler.set_epoch(epoch)
            orders.add(tuple(sampler))
    assert len(orders) == 9


def test_sampler_batches_hold_like_lengths() -> None:
    of = torch.randint(3, 100, (640,), generator=torch.Generator().manual_seed(0)).tolist()
    order = list(LengthGroupedSampler(of, 8, seed=0, group=20))

    def padded(order: list[int]) -> int:
        return sum(8 * max(of[i] for i in order[at : at + 8]) for at in range(0, 640, 8))

    assert padded(order) < 1.15 * sum(of) < padded(list(range(640)))


def test_batch_has_trees_only_where_windows_have_them(tiny_encoder: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_encoder))
    annotated = Annotated.by(SCHEMA, SCHEMA)
    for parser in (None, DependencyParser()):
        windower = Windower(tokenizer, max_pieces=192, max_words=4, parser=parser)
        windows = training_windows([SENTENCE], windower, SCHEMA, annotated)
        batch = to_batch(Collator(windower)(windows))  # type: ignore[arg-type]
        if parser is None:
            assert batch.parents is None
            continue
        assert batch.parents is not None
        assert batch.parents.shape == batch.word_mask.shape == (3, 4)
        assert batch.parents[2, 3] == -1  # padding: the last window has three words
        for row, item in zip(batch.to("cpu").parents, windows, strict=True):  # type: ignore[call-overload]
            assert item.window.parents is not None
            assert row[: item.window.n_words].tolist() == item.window.parents.tolist()
