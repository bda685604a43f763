"""Plots: well-formed, inside their frame, values where the axes say they are."""

from __future__ import annotations

import itertools
import math
from xml.etree import ElementTree as ET

import pytest

from maskgen.drawing.svg import HEIGHT, WIDTH, Line, plot_lines, standalone

SVG = ET.Element


def drawn(*lines: Line, marks: tuple[float, ...] = ()) -> ET.Element:
    return ET.fromstring(plot_lines("a <title>", "x & y", lines, marks))


def points_of(svg: ET.Element) -> list[list[tuple[float, float]]]:
    found = [line.attrib["points"].split() for line in svg.iter("polyline")]
    return [[tuple(map(float, point.split(","))) for point in line] for line in found]  # type: ignore[misc]


def test_a_straight_line_is_drawn_straight_and_upwards() -> None:
    ((first, middle, last),) = points_of(drawn(Line("loss", [(0, 1.0), (5, 2.0), (10, 3.0)])))
    assert first[0] < middle[0] < last[0]
    assert first[1] > middle[1] > last[1]  # up is a smaller y
    assert middle == pytest.approx(((first[0] + last[0]) / 2, (first[1] + last[1]) / 2), abs=0.1)


def test_published_lines_are_dashed_in_the_color_of_those_that_they_stand_beside() -> None:
    ours = Line("ours", [(0, 1.0), (1, 2.0)], [0.5, 0.0])
    svg = drawn(ours, Line("paper", [(0, 1.5), (1, math.nan)], like=0))
    first, second = svg.iter("polyline")
    assert "stroke-dasharray" not in first.attrib
    assert second.attrib["stroke-dasharray"]
    assert first.attrib["stroke"] == second.attrib["stroke"]


def test_the_axes_span_what_is_drawn() -> None:
    svg = drawn(Line("a", [(0, -4.0), (8, 4.0)]))
    labels = [element.text for element in svg.iter("text")]
    assert {"-4", "-2", "0", "2", "4", "6", "8"} <= set(labels)
    ((low, high),) = points_of(svg)
    zero = next(
        float(e.attrib["y"]) for e in svg.iter("text") if e.text == "0" and e.attrib["text-anchor"] == "end"
    )
    assert zero - 4 == pytest.approx((low[1] + high[1]) / 2, abs=0.1)


def test_what_is_no_number_is_left_out() -> None:
    svg = drawn(Line("a", [(0, 1.0), (1, math.nan), (2, math.inf), (3, 2.0)]), Line("empty", [(0, math.nan)]))
    (line,) = points_of(svg)
    assert len(line) == 2
    assert "empty" not in [element.text for element in svg.iter("text")]


@pytest.mark.parametrize(
    "lines", [[], [Line("a", [])], [Line("a", [(3, 2.0)])], [Line("a", [(0, 1.0), (9, 1.0)])]]
)
def test_nothing_and_constants_stay_inside_the_frame(lines: list[Line]) -> None:
    for line in points_of(drawn(*lines, marks=(3.0,) if lines and lines[0].points else ())):
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line)


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    svg = drawn(*(Line(f"line {number}", [(0, 0.0), (1, 1 + number / 100)]) for number in range(4)))
    heights = sorted(
        float(text.attrib["y"]) for text in svg.iter("text") if (text.text or "").startswith("line ")
    )
    assert all(below - above >= 12.9 for above, below in itertools.pairwise(heights))


def test_marks_are_dashed_and_upright() -> None:
    svg = drawn(Line("a", [(0, 1.0), (10, 2.0)]), marks=(5.0,))
    (mark,) = [line for line in svg.iter("line") if "stroke-dasharray" in line.attrib]
    ((first, last),) = points_of(svg)
    assert mark.attrib["x1"] == mark.attrib["x2"]
    assert float(mark.attrib["x1"]) == pytest.approx((first[0] + last[0]) / 2, abs=0.1)


def test_bars_reach_as_far_as_the_spread_and_stay_inside() -> None:
    svg = drawn(Line("a", [(0, 10.0), (1, 20.0), (2, math.nan), (3, 30.0)], spread=(5.0, 0.0, 1.0, math.nan)))
    (points,) = points_of(svg)
    (bar,) = [one for one in svg.iter("line") if one.attrib["stroke"].startswith("rgb")]
    low, high, x = (float(bar.attrib[name]) for name in ("y1", "y2", "x1"))
    assert x == pytest.approx(points[0][0], abs=0.1)
    assert (low + high) / 2 == pytest.approx(points[0][1], abs=0.1)
    ten = points[0][1] - points[1][1]  # the height of a difference of ten
    assert low - high == pytest.approx(ten, abs=0.2)
    assert max(low, high) <= HEIGHT - 36 + 0.1


def test_a_file_says_what_it_is_and_keeps_its_picture() -> None:
    element = plot_lines("t", "x", [Line("a", [(0, 1.0)])])
    file = ET.fromstring(standalone(element))
    assert file.tag == "{http://www.w3.org/2000/svg}svg"
    assert "background:#fff" in file.attrib["style"]
    assert len(list(file.iter())) == len(list(ET.fromstring(element).iter()))
