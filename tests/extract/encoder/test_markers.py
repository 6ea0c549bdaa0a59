"""Packed markers: layout, mask and positions by hand and by brute force; texts that do not see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import extract.encoder.markers as markers
from extract.encoder.fusion import build_fusion, fusion_config
from extract.encoder.markers import MarkerLayout, marker_states, pack
from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.text import EncodedText
from extract.encoder.windows import EncodedBatch

PIECES = 6
PIECE_MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
PLAIN = MarkerLayout(
    window=torch.tensor([1, 0]),
    pairs=torch.tensor([[[1, 2], [2, 2], [0, 0]], [[1, 1], [3, 4], [2, 5]]]),
    real=torch.tensor([[True, True, False], [True, True, True]]),
)
WITH_SUBJECTS = replace(PLAIN, subject=torch.tensor([[1, 2], [4, 4]]))
BOTH_LAYOUTS = pytest.mark.parametrize("layout", [PLAIN, WITH_SUBJECTS], ids=["plain", "subjects"])


def names(layout: MarkerLayout, instance: int) -> list[tuple[str, int]]:
    """What each piece of an instance is: its kind and its number."""
    n_pairs = layout.real.shape[1]
    solid = [("solid", 0), ("solid", 1)] if layout.subject is not None else []
    levitated = [(kind, i) for kind in ("first", "second") for i in range(n_pairs)]
    return [*(("text", i) for i in range(PIECES)), *solid, *levitated]


def may_attend(
    layout: MarkerLayout, instance: int, query: tuple[str, int], key: tuple[str, int]
) -> bool:
    (asking, one), (asked, other) = query, key
    if asked == "text":
        return bool(PIECE_MASK[layout.window[instance], other])
    if asked == "solid":
        return True
    if asking in ("text", "solid") or one != other:  # a levitated marker of another pair
        return False
    return bool(layout.real[instance, one])


@BOTH_LAYOUTS
def test_mask_cell_by_cell(layout: MarkerLayout) -> None:
    mask = layout.mask(PIECE_MASK)
    for instance in range(2):
        pieces = names(layout, instance)
        assert mask[instance].shape == (len(pieces), len(pieces))
        for q, query in enumerate(pieces):
            for k, key in enumerate(pieces):
                expected = may_attend(layout, instance, query, key)
                assert bool(mask[instance, q, k]) == expected, (instance, query, key)


def test_positions_of_levitated_markers_are_those_of_their_spans() -> None:
    assert PLAIN.positions(PIECES).tolist() == [
        [0, 1, 2, 3, 4, 5, *(1, 2, 0), *(2, 2, 0)],
        [0, 1, 2, 3, 4, 5, *(1, 3, 2), *(1, 4, 5)],
    ]


def test_solid_markers_move_the_text_and_the_markers_tied_to_it() -> None:
    assert WITH_SUBJECTS.positions(PIECES).tolist() == [
        # text: [ 1 2 ] stands around pieces 1 and 2
        [0, 2, 3, 5, 6, 7, *(1, 4), *(2, 3, 0), *(3, 3, 0)],
        [0, 1, 2, 3, 5, 7, *(4, 6), *(1, 3, 2), *(1, 5, 7)],
    ]


def test_rows_leave_out_pairs_that_none_of_them_has() -> None:
    first = WITH_SUBJECTS.rows(0, 1)
    assert (first.pairs.shape, first.real.tolist()) == ((1, 2, 2), [[True, True]])
    assert first.subject is not None
    assert first.subject.tolist() == [[1, 2]]
    assert PLAIN.rows(0, 2).pairs.shape == (2, 3, 2)


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 5))
def test_pack_holds_every_item_once_in_order(counts: list[int], size: int) -> None:
    groups, item, real = pack(torch.tensor(counts, dtype=torch.long), size)
    found = [
        (group, one)
        for group, of_group, is_real in zip(
            groups.tolist(), item.tolist(), real.tolist(), strict=True
        )
        for one, taken in zip(of_group, is_real, strict=True)
        if taken
    ]
    assert found == [(group, i) for group, n in enumerate(counts) for i in range(n)]
    assert len(groups) == sum(-(-n // size) for n in counts)
    assert item.shape[1] <= size
    assert bool((item[~real] == 0).all())


@pytest.fixture(scope="module", params=["bert", "mpnet"])
def text(request: pytest.FixtureRequest, tiny_encoder: Path, tiny_mpnet: Path) -> EncodedText:
    path = tiny_encoder if request.param == "bert" else tiny_mpnet
    encoder = PretrainedEncoder(str(path)).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():  # states that tell pieces and positions apart
            if parameter.dim() > 1:
                parameter.mul_(5 if request.param == "bert" else 1)
    fusion = build_fusion(fusion_config({}), encoder.n_layers, encoder.hidden)
    ids = torch.randint(4, 50, PIECE_MASK.shape, generator=torch.Generator().manual_seed(0))
    batch = EncodedBatch(ids, PIECE_MASK, ids, torch.zeros_like(ids), PIECE_MASK.bool())
    return EncodedText(encoder, fusion, batch)


def vectors_of(layout: MarkerLayout) -> torch.Tensor:
    return torch.randn(2 + layout.n_solid, 40, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_text_does_not_see_levitated_markers_bit_by_bit(text: EncodedText) -> None:
    """On the same shapes: pairs that are there, pairs elsewhere, and pairs masked out."""
    batch = text.batch
    found = []
    for layout in (
        PLAIN,
        replace(PLAIN, pairs=torch.zeros_like(PLAIN.pairs)),
        replace(PLAIN, real=torch.zeros_like(PLAIN.real)),
    ):
        embedded = text.encoder.embed(batch.piece_ids, batch.shape_of_piece)[layout.window]
        behind = torch.randn(2, 6, 40, generator=torch.Generator().manual_seed(len(found)))
        layers = text.encoder.encode(
            torch.cat([embedded, behind], dim=1),
            layout.mask(PIECE_MASK),
            layout.positions(PIECES),
        ).layers
        found.append([layer[:, :PIECES] for layer in layers])
    plain = text.encoder(batch.piece_ids, PIECE_MASK, batch.shape_of_piece).layers
    for first, second, third, without in zip(*found, plain, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)
        # Another shape sums in another order: alike, but not to the last bit.
        torch.testing.assert_close(first, without[PLAIN.window], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@BOTH_LAYOUTS
def test_pair_has_the_same_states_alone_and_among_others(
    text: EncodedText, layout: MarkerLayout
) -> None:
    vectors = vectors_of(layout)
    solid, levitated = marker_states(text, layout, vectors, "entities")
    assert solid.shape == (2, layout.n_solid, 40)
    assert levitated.shape == (2, 3, 2, 40)
    for instance, pair in layout.real.nonzero().tolist():
        alone = MarkerLayout(
            layout.window[[instance]],
            layout.pairs[[instance], pair : pair + 1],
            torch.tensor([[True]]),
            None if layout.subject is None else layout.subject[[instance]],
        )
        one_solid, one = marker_states(text, alone, vectors, "entities")
        torch.testing.assert_close(one[0, 0], levitated[instance, pair], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(one_solid[0], solid[instance], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_markers_read_the_layers_of_their_task(text: EncodedText) -> None:
    vectors = vectors_of(PLAIN)
    text.fusion.weights[1] += torch.tensor([3.0, *[0.0] * text.encoder.n_layers])
    entities = marker_states(text, PLAIN, vectors, "entities")[1]
    relations = marker_states(text, PLAIN, vectors, "relations")[1]
    text.fusion.weights[1] = text.fusion.weights[0]
    assert not torch.allclose(entities, relations, atol=1e-2)
    torch.testing.assert_close(entities, marker_states(text, PLAIN, vectors, "relations")[1])


@torch.no_grad()
def test_solid_markers_read_as_if_they_stood_in_the_text(text: EncodedText) -> None:
    """The layout against a text with the markers between its pieces and no levitated ones."""
    encoder, batch = text.encoder, text.batch
    vectors = vectors_of(WITH_SUBJECTS)
    solid, _ = marker_states(text, WITH_SUBJECTS, vectors, "entities")
    assert WITH_SUBJECTS.subject is not None
    for instance, window in enumerate(WITH_SUBJECTS.window.tolist()):
        length = int(PIECE_MASK[window].sum())
        first, last = WITH_SUBJECTS.subject[instance].tolist()
        pieces = encoder.embed(batch.piece_ids, batch.shape_of_piece)[window, :length]
        inserted = torch.cat(
            [
                pieces[:first],
                vectors[:1],
                pieces[first : last + 1],
                vectors[1:2],
                pieces[last + 1 :],
            ]
        ).unsqueeze(0)
        layers = encoder.encode(inserted, torch.ones(1, length + 2, dtype=torch.long))
        fused = text.fusion(layers)[0][0]
        torch.testing.assert_close(solid[instance], fused[[first, last + 2]], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@BOTH_LAYOUTS
def test_instances_read_in_several_passes_have_the_same_states(
    text: EncodedText, layout: MarkerLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = vectors_of(layout)
    at_once = marker_states(text, layout, vectors, "relations")
    monkeypatch.setattr(markers, "_PIECES_AT_ONCE", 1)
    assert markers._chunks([6, 4], [3, 2]) == [(0, 1), (1, 2)]
    one_by_one = marker_states(text, layout, vectors, "relations")
    torch.testing.assert_close(one_by_one[0], at_once[0], atol=1e-5, rtol=1e-5)
    for instance, pair in layout.real.nonzero().tolist():
        torch.testing.assert_close(
            one_by_one[1][instance, pair], at_once[1][instance, pair], atol=1e-5, rtol=1e-5
        )


def test_chunks_hold_every_instance_and_bound_the_pieces() -> None:
    lengths, widths = [900, 10, 10, 2000, 2100, 5000, 3], [10, 0, 1, 5, 20, 1, 1]
    chunks = markers._chunks(lengths, widths)
    assert [i for start, end in chunks for i in range(start, end)] == list(range(7))
    for start, end in chunks:
        pieces = (end - start) * max(
            n + 2 * w for n, w in zip(lengths[start:end], widths[start:end], strict=True)
        )
        assert pieces <= markers._PIECES_AT_ONCE or end - start == 1
    assert markers._chunks([], []) == []


def test_no_instances_have_no_states(text: EncodedText) -> None:
    layout = MarkerLayout(
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0, 0, 2, dtype=torch.long),
        torch.zeros(0, 0, dtype=torch.bool),
    )
    solid, levitated = marker_states(text, layout, vectors_of(layout), "entities")
    assert (solid.shape, levitated.shape) == ((0, 0, 40), (0, 0, 2, 40))
