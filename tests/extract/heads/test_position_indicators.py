"""Position indicators: where they stand, against markers put into a list by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extract.heads.position_indicators import in_text_order, marked

Span = tuple[int, int]
SIGNS = ["<e1>", "</e1>", "<e2>", "</e2>"]


def text_of(items: torch.Tensor, n_windows: int, n_words: int, length: int) -> list[str]:
    """The items of a sequence as w0, w1, ... of their own window, and indicators."""
    named = []
    for item in items[: length + 4].tolist():
        at = item - n_windows * n_words
        named.append(SIGNS[at] if at >= 0 else f"w{item}")
    return named


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((1, 2), (3, 4), "w0 <e1> w1 </e1> w2 <e2> w3 </e2> w4"),
        ((0, 2), (2, 5), "<e1> w0 w1 </e1> <e2> w2 w3 w4 </e2>"),  # neighbours
        ((1, 4), (2, 3), "w0 <e1> w1 <e2> w2 </e2> w3 </e1> w4"),  # nested
        ((1, 4), (1, 2), "w0 <e1> <e2> w1 </e2> w2 w3 </e1> w4"),  # the outer one opens first
        ((1, 4), (3, 4), "w0 <e1> w1 w2 <e2> w3 </e2> </e1> w4"),  # the inner one closes first
        ((0, 3), (2, 5), "<e1> w0 w1 <e2> w2 </e1> w3 w4 </e2>"),  # crossing
        ((3, 4), (1, 2), "w0 <e2> w1 </e2> w2 <e1> w3 </e1> w4"),
    ],
)
def test_indicators_stand_around_their_spans(first: Span, second: Span, expected: str) -> None:
    items = marked(torch.tensor([[*first, *second]]), torch.tensor([0]), 1, 5)
    assert text_of(items[0], 1, 5, 5) == expected.split()


@st.composite
def pairs_of_spans(draw: st.DrawFn) -> tuple[int, list[Span]]:
    n_words = draw(st.integers(2, 7))
    spans = st.tuples(st.integers(0, n_words - 1), st.integers(1, n_words)).filter(
        lambda span: span[0] < span[1]
    )
    return n_words, draw(st.lists(spans, min_size=2, max_size=2, unique=True))


@given(pairs_of_spans(), st.integers(0, 2), st.integers(0, 3))
def test_words_keep_their_order_and_indicators_enclose_their_words(
    case: tuple[int, list[Span]], window: int, padding: int
) -> None:
    n_words, spans = case
    width = n_words + padding
    ends = torch.tensor([[*spans[0], *spans[1]]])
    items = marked(ends, torch.tensor([window]), 3, width)[0]
    assert sorted(items.tolist()) == sorted(
        [*range(window * width, (window + 1) * width), *range(3 * width, 3 * width + 4)]
    )
    sequence = items[: n_words + 4].tolist()
    words = [item - window * width for item in sequence if item < 3 * width]
    assert words == list(range(n_words))  # none of the padding, and all four indicators
    for number, (start, end) in enumerate(spans):
        opened, closed = (sequence.index(3 * width + 2 * number + side) for side in (0, 1))
        enclosed = [i - window * width for i in sequence[opened:closed] if i < 3 * width]
        assert enclosed == list(range(start, end))


def test_pairs_come_once_in_the_order_of_the_text() -> None:
    spans = torch.tensor([[[3, 4], [0, 2], [0, 1], [9, 9]], [[1, 2], [5, 6], [0, 0], [0, 0]]])
    real = torch.tensor([[True, True, True, False], [True, True, False, False]])
    assert in_text_order(spans, real).tolist() == [[0, 1, 0], [0, 2, 0], [0, 2, 1], [1, 0, 1]]
    assert in_text_order(spans[:, :0], real[:, :0]).shape == (0, 3)
