"""Markers: layout, mask and positions by hand and by brute force; texts that do not see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import extract.encoder.markers as markers
from extract.encoder.fusion import build_fusion, fusion_config
from extract.encoder.markers import MarkerLayout, marker_passes, marker_states, pack
from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.text import EncodedText
from extract.encoder.windows import EncodedBatch

PIECES = 6
PIECE_MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
PLAIN = MarkerLayout(
    window=torch.tensor([1, 0]),
    tied=torch.tensor([[[1, 2], [2, 2], [0, 0]], [[1, 1], [3, 4], [2, 5]]]),
    real=torch.tensor([[True, True, False], [True, True, True]]),
)
WITH_SUBJECTS = replace(PLAIN, solid=torch.tensor([[[1, 2]], [[4, 4]]]))
FOURS = MarkerLayout(
    window=torch.tensor([1, 0]),
    tied=torch.tensor(
        [[[1, 2, 2, 2], [2, 2, 0, 0], [0, 0, 0, 0]], [[1, 1, 3, 5], [3, 4, 1, 1], [2, 5, 2, 4]]]
    ),
    real=PLAIN.real,
    kinds=torch.arange(24).view(2, 3, 4) % 7,
)
SPAN_PAIRS = MarkerLayout(
    window=torch.tensor([1, 0]),
    tied=torch.zeros(2, 0, 2, dtype=torch.long),
    real=torch.zeros(2, 0, dtype=torch.bool),
    solid=torch.tensor([[[2, 3], [1, 3]], [[1, 4], [2, 5]]]),
    solid_kinds=torch.tensor([[[3, 1], [0, 2]], [[5, 5], [6, 4]]]),
)
LAYOUTS = {"plain": PLAIN, "subjects": WITH_SUBJECTS, "fours": FOURS, "two spans": SPAN_PAIRS}
EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
LEVITATED = pytest.mark.parametrize("layout", [PLAIN, WITH_SUBJECTS, FOURS])


def names(layout: MarkerLayout) -> list[tuple[str, int]]:
    """What each piece of an instance is: its kind and its number."""
    n_groups, n_markers = layout.tied.shape[1:]
    n_spans = 0 if layout.solid is None else layout.solid.shape[1]
    solid = [("solid", i) for i in range(2 * n_spans)]
    levitated = [("levitated", i) for _ in range(n_markers) for i in range(n_groups)]
    return [*(("text", i) for i in range(PIECES)), *solid, *levitated]


def may_attend(
    layout: MarkerLayout, instance: int, query: tuple[str, int], key: tuple[str, int]
) -> bool:
    (asking, one), (asked, other) = query, key
    if asked == "text":
        return bool(PIECE_MASK[layout.window[instance], other])
    if asked == "solid":
        return True
    if asking in ("text", "solid") or one != other:  # a levitated marker of another group
        return False
    return bool(layout.real[instance, one])


@EVERY_LAYOUT
def test_mask_cell_by_cell(layout: MarkerLayout) -> None:
    mask = layout.mask(PIECE_MASK)
    for instance in range(2):
        pieces = names(layout)
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
    assert FOURS.positions(PIECES).tolist() == [
        [0, 1, 2, 3, 4, 5, *(1, 2, 0), *(2, 2, 0), *(2, 0, 0), *(2, 0, 0)],
        [0, 1, 2, 3, 4, 5, *(1, 3, 2), *(1, 4, 5), *(3, 1, 2), *(5, 1, 4)],
    ]


def test_solid_markers_move_the_text_and_the_markers_tied_to_it() -> None:
    assert WITH_SUBJECTS.positions(PIECES).tolist() == [
        # text: [ 1 2 ] stands around pieces 1 and 2
        [0, 2, 3, 5, 6, 7, *(1, 4), *(2, 3, 0), *(3, 3, 0)],
        [0, 1, 2, 3, 5, 7, *(4, 6), *(1, 3, 2), *(1, 5, 7)],
    ]


spans_of_text = st.tuples(st.integers(0, PIECES - 1), st.integers(0, PIECES - 1)).map(sorted)


@given(st.lists(spans_of_text, min_size=1, max_size=4))
def test_solid_markers_stand_where_putting_them_in_puts_them(spans: list[list[int]]) -> None:
    """Spans may be nested, cross each other, or share ends."""
    inserted: list[tuple[str, int]] = []
    for piece in range(PIECES):
        inserted += [("open", k) for k, (first, _) in enumerate(spans) if first == piece]
        inserted.append(("text", piece))
        inserted += [("close", k) for k, (_, last) in enumerate(spans) if last == piece]
    layout = MarkerLayout(
        torch.tensor([0]),
        torch.zeros(1, 0, 2, dtype=torch.long),
        torch.zeros(1, 0, dtype=torch.bool),
        torch.tensor([spans]),
    )
    pieces = [("text", i) for i in range(PIECES)]
    pieces += [(side, k) for k in range(len(spans)) for side in ("open", "close")]
    assert layout.positions(PIECES)[0].tolist() == [inserted.index(piece) for piece in pieces]


def test_markers_have_the_vectors_of_their_kinds_or_else_of_their_places() -> None:
    vectors = torch.arange(7.0).unsqueeze(1)
    for layout, expected in (
        (WITH_SUBJECTS, [[0, 1, *(2, 2, 2), *(3, 3, 3)]] * 2),
        (SPAN_PAIRS, [[3, 1, 0, 2], [5, 5, 6, 4]]),
        (
            FOURS,
            [
                [*(0, 4, 1), *(1, 5, 2), *(2, 6, 3), *(3, 0, 4)],
                [*(5, 2, 6), *(6, 3, 0), *(0, 4, 1), *(1, 5, 2)],
            ],
        ),
    ):
        assert layout.embedded(vectors)[..., 0].tolist() == expected


def test_rows_leave_out_pairs_that_none_of_them_has() -> None:
    first = WITH_SUBJECTS.rows(torch.tensor([0]))
    assert (first.tied.shape, first.real.tolist()) == ((1, 2, 2), [[True, True]])
    assert first.solid is not None
    assert first.solid.tolist() == [[[1, 2]]]
    assert PLAIN.rows(torch.tensor([1, 0])).window.tolist() == [0, 1]
    assert PLAIN.rows(torch.tensor([1, 0])).tied.shape == (2, 3, 2)
    assert FOURS.kinds is not None
    assert SPAN_PAIRS.solid_kinds is not None
    kinds = FOURS.rows(torch.tensor([0])).kinds
    solid_kinds = SPAN_PAIRS.rows(torch.tensor([1])).solid_kinds
    assert kinds is not None
    assert solid_kinds is not None
    assert torch.equal(kinds, FOURS.kinds[:1, :2])
    assert torch.equal(solid_kinds, SPAN_PAIRS.solid_kinds[1:])


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
    n_kinds = max(7, 2 + layout.n_solid)
    return torch.randn(n_kinds, 40, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("layout", [PLAIN, FOURS])
def test_text_does_not_see_levitated_markers_bit_by_bit(
    text: EncodedText, layout: MarkerLayout
) -> None:
    """On the same shapes: groups that are there, groups elsewhere, and groups masked out."""
    batch, n_behind = text.batch, layout.tied.shape[1] * layout.tied.shape[2]
    found = []
    for other in (
        layout,
        replace(layout, tied=torch.zeros_like(layout.tied)),
        replace(layout, real=torch.zeros_like(layout.real)),
    ):
        embedded = text.encoder.embed(batch.piece_ids, batch.shape_of_piece)[other.window]
        behind = torch.randn(2, n_behind, 40, generator=torch.Generator().manual_seed(len(found)))
        layers = text.encoder.encode(
            torch.cat([embedded, behind], dim=1),
            other.mask(PIECE_MASK),
            other.positions(PIECES),
        ).layers
        found.append([layer[:, :PIECES] for layer in layers])
    plain = text.encoder(batch.piece_ids, PIECE_MASK, batch.shape_of_piece).layers
    for first, second, third, without in zip(*found, plain, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)
        # Another shape sums in another order: alike, but not to the last bit.
        torch.testing.assert_close(first, without[layout.window], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@LEVITATED
def test_group_has_the_same_states_alone_and_among_others(
    text: EncodedText, layout: MarkerLayout
) -> None:
    vectors = vectors_of(layout)
    solid, levitated = marker_states(text, layout, vectors, "entities")
    assert solid.shape == (2, layout.n_solid, 40)
    assert levitated.shape == (2, 3, layout.tied.shape[2], 40)
    for instance, group in layout.real.nonzero().tolist():
        one, places = slice(instance, instance + 1), slice(group, group + 1)
        alone = MarkerLayout(
            layout.window[one],
            layout.tied[one, places],
            torch.tensor([[True]]),
            None if layout.solid is None else layout.solid[one],
            None if layout.kinds is None else layout.kinds[one, places],
        )
        one_solid, states = marker_states(text, alone, vectors, "entities")
        torch.testing.assert_close(states[0, 0], levitated[instance, group], atol=1e-5, rtol=1e-5)
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
@pytest.mark.parametrize("layout", [WITH_SUBJECTS, SPAN_PAIRS])
def test_solid_markers_read_as_if_they_stood_in_the_text(
    text: EncodedText, layout: MarkerLayout
) -> None:
    """The layout against a text with the markers between its pieces and no levitated ones."""
    encoder, batch = text.encoder, text.batch
    vectors = vectors_of(layout)
    solid, _ = marker_states(text, layout, vectors, "entities")
    assert layout.solid is not None
    for instance, window in enumerate(layout.window.tolist()):
        length = int(PIECE_MASK[window].sum())
        pieces = encoder.embed(batch.piece_ids, batch.shape_of_piece)[window, :length]
        spans = layout.solid[instance].tolist()
        own = layout.embedded(vectors)[instance, : layout.n_solid].unflatten(0, (-1, 2))
        rows, places = [], {}
        for at, piece in enumerate(pieces):
            for span, (first, _) in enumerate(spans):
                if first == at:
                    places[span, 0] = len(rows)
                    rows.append(own[span, 0])
            rows.append(piece)
            for span, (_, last) in enumerate(spans):
                if last == at:
                    places[span, 1] = len(rows)
                    rows.append(own[span, 1])
        inserted = torch.stack(rows).unsqueeze(0)
        layers = encoder.encode(inserted, torch.ones(inserted.shape[:2], dtype=torch.long))
        fused = text.fusion(layers)[0][0]
        expected = fused[[place for _, place in sorted(places.items())]]
        torch.testing.assert_close(solid[instance], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@EVERY_LAYOUT
def test_instances_read_in_several_passes_have_the_same_states(
    text: EncodedText, layout: MarkerLayout
) -> None:
    vectors = vectors_of(layout)
    at_once = marker_states(text, layout, vectors, "relations")
    one_by_one = marker_states(text, layout, vectors, "relations", pieces_at_once=1)
    passes = list(marker_passes(text, layout, vectors, "relations", pieces_at_once=1))
    assert [(read.at.tolist(), read.layout.window.tolist()) for read in passes] == [
        ([0], [1]), ([1], [0])
    ]  # fmt: skip
    torch.testing.assert_close(one_by_one[0], at_once[0], atol=1e-5, rtol=1e-5)
    for instance, group in layout.real.nonzero().tolist():
        torch.testing.assert_close(
            one_by_one[1][instance, group], at_once[1][instance, group], atol=1e-5, rtol=1e-5
        )


@torch.no_grad()
def test_instances_of_few_markers_are_read_first_and_put_back_in_order(text: EncodedText) -> None:
    both, order = [0, 1], [1, 0]
    turned = replace(
        PLAIN, window=PLAIN.window[order], tied=PLAIN.tied[order], real=PLAIN.real[order]
    )
    vectors = vectors_of(turned)
    passes = list(marker_passes(text, turned, vectors, "entities", pieces_at_once=1))
    assert [read.at.tolist() for read in passes] == [[1], [0]]
    states = marker_states(text, turned, vectors, "entities", pieces_at_once=1)[1]
    expected = marker_states(text, PLAIN, vectors, "entities")[1][order]
    for instance in both:
        real = turned.real[instance]
        torch.testing.assert_close(
            states[instance, real], expected[instance, real], atol=1e-5, rtol=1e-5
        )


def test_chunks_hold_every_instance_and_bound_the_pieces() -> None:
    lengths, widths = [900, 10, 10, 2000, 2100, 5000, 3], [20, 0, 2, 10, 40, 2, 2]
    chunks = markers._chunks(lengths, widths, 4096)
    assert [i for start, end in chunks for i in range(start, end)] == list(range(7))
    assert (0, 3) in chunks  # as many as there is room for
    for start, end in chunks:
        pieces = (end - start) * (max(lengths[start:end]) + max(widths[start:end]))
        assert pieces <= 4096 or end - start == 1
    assert markers._chunks([], [], 4096) == []


def test_no_instances_have_no_states(text: EncodedText) -> None:
    layout = MarkerLayout(
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0, 0, 2, dtype=torch.long),
        torch.zeros(0, 0, dtype=torch.bool),
    )
    solid, levitated = marker_states(text, layout, vectors_of(layout), "entities")
    assert (solid.shape, levitated.shape) == ((0, 0, 40), (0, 0, 2, 40))
