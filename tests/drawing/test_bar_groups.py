"""Bars: as high as their values, from zero, with their error bars."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from maskgen.drawing.bar_groups import Bars, draw_groups
from maskgen.drawing.svg import HEIGHT, WIDTH


def bars_of(*series: Bars, places: tuple[str, ...] = ("a", "b")) -> tuple[ET.Element, list[ET.Element]]:
    svg = ET.fromstring(draw_groups("a <title>", "x & y", places, series))
    return svg, [one for one in svg.iter("rect") if one.attrib.get("class") == "bar"]


def test_heights_go_with_values_and_groups_stand_apart() -> None:
    _, (one, third, other) = bars_of(Bars("ours", [1.0, 4.0]), Bars("paper", [2.0, None], like=0))
    # a group at a time: ours and the paper's at "a", ours at "b"
    heights = [float(bar.attrib["height"]) for bar in (one, other, third)]
    assert heights[1] == pytest.approx(4 * heights[0], rel=0.01)
    assert heights[2] == pytest.approx(2 * heights[0], rel=0.01)
    feet = {round(float(bar.attrib["y"]) + float(bar.attrib["height"])) for bar in (one, other, third)}
    assert len(feet) == 1
    left = [float(bar.attrib["x"]) for bar in (one, third, other)]
    assert left == sorted(left)
    assert third.attrib["fill"] == "none"
    assert third.attrib["stroke"] == one.attrib["fill"]


def test_everything_lies_within_the_frame_and_zero_is_shown() -> None:
    svg, bars = bars_of(Bars("ours", [-2.0, 4.0], [0.5, 1.0]))
    for bar in bars:
        x, y, wide, high = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= WIDTH
        assert 0 <= y <= y + high <= HEIGHT
    assert len(list(svg.iter("path"))) == 2
    labels = {one.text for one in svg.iter("text")}
    assert {"-2.5", "5", "a", "b", "ours", "x & y", "a <title>"} <= labels


def test_a_plot_of_nothing_has_an_axis() -> None:
    _, bars = bars_of(Bars("ours", [None]), places=("a",))
    assert bars == []
