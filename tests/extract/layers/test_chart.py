"""Charts: round ticks, points where the numbers say, and markup that parses."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.layers.chart import Panel, Series, picture, scale

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 4.0, [0, 1, 2, 3, 4]),
        (37.2, 94.5, [20, 40, 60, 80, 100]),
        (2.044, 2.087, [2.04, 2.06, 2.08, 2.1]),
        (0.71, 0.92, [0.7, 0.8, 0.9, 1.0]),
        (5.0, 5.0, [4.5, 5.0, 5.5]),
    ],
)
def test_scale_has_round_ticks_around_the_values(
    low: float, high: float, ticks: list[float]
) -> None:
    assert scale(low, high) == (ticks[0], ticks[-1], ticks)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_scale_holds_any_range_with_few_ticks(low: float, width: float) -> None:
    first, last, ticks = scale(low, low + width)
    slack = 1e-6 * max(1.0, width)
    assert first <= low + slack and last >= low + width - slack
    assert 3 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))


def test_picture_parses_and_higher_values_stand_higher() -> None:
    series = [
        Series("a < b", [None, 10.0, 30.0], [None, 1.0, 2.0]),
        Series("c", [20.0, 20.0, 20.0]),
    ]
    root = ET.fromstring(picture([Panel("P & Q", series, 0, 0, 300, 200)], "<T>", 300, 200))
    assert root.find(f"{SVG}title").text == "<T>"  # type: ignore[union-attr]
    points = [
        [tuple(map(float, p.split(","))) for p in line.get("points", "").split()]
        for line in root.iter(f"{SVG}polyline")
    ]
    assert [len(p) for p in points] == [2, 3]
    assert points[0][0][1] > points[1][0][1] > points[0][1][1]  # 10 below 20 below 30
    assert points[0][0][0] == points[1][1][0]  # layer 1 in both
    assert "a < b, layer 2: 30 ± 2" in [t.text for t in root.iter(f"{SVG}title")]
    assert all(0 <= x <= 300 and 0 <= y <= 200 for line in points for x, y in line)


def test_panel_without_a_value_is_drawn_empty() -> None:
    svg = picture([Panel("none", [Series("x", [None, None])], 0, 0, 300, 200)], "t", 300, 200)
    assert not list(ET.fromstring(svg).iter(f"{SVG}circle"))


def test_one_layer_is_drawn_in_the_middle() -> None:
    svg = picture([Panel("one", [Series("x", [1.0])], 0, 0, 300, 200)], "t", 300, 200)
    (circle,) = ET.fromstring(svg).iter(f"{SVG}circle")
    assert 52 < float(circle.get("cx", 0)) < 286
