"""Bars as high as their counts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from maskgen.drawing.bars import HEIGHT, WIDTH, draw_bars


def bars(svg: str) -> list[dict[str, float]]:
    root = ET.fromstring(svg)
    fields = ("x", "y", "width", "height")
    return [{name: float(one.attrib[name]) for name in fields} for one in root.iter("rect")]


def test_heights_are_in_proportion_and_all_stand_on_the_axis() -> None:
    four, two, none = bars(draw_bars("a & b", [4, 2, 0], ["x", "y", "z<"]))
    assert four["height"] == pytest.approx(2 * two["height"], abs=0.02)
    assert none["height"] == 0
    assert four["y"] + four["height"] == pytest.approx(two["y"] + two["height"], abs=0.02)
    assert four["x"] < two["x"] < none["x"]
    for one in (four, two, none):
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= WIDTH
        assert 0 <= one["y"] <= HEIGHT


def test_one_among_many_is_seen() -> None:
    _, one = bars(draw_bars("t", [1_000_000, 1], ["a", "b"]))
    assert one["height"] == 1.0


def test_counts_are_told_to_those_who_do_not_see_them() -> None:
    svg = draw_bars("Pieces", [1200, 0, 3], ["1", "2", "3<"])
    root = ET.fromstring(svg)
    assert root.attrib["aria-label"] == "Pieces. 1: 1200, 3<: 3"
    assert [one.text for one in root.iter("title")] == ["1: 1,200", "2: 0", "3<: 3"]
    assert "1,200" in [one.text for one in root.iter("text")]


def test_ticks_stand_where_they_are_put() -> None:
    root = ET.fromstring(draw_bars("t", [0], ["a"], [(0, "low"), (0.5, "middle"), (1, "high")]))
    anchors = {one.text: (one.attrib["text-anchor"], float(one.attrib["x"])) for one in root.iter("text")}
    assert {name: anchor for name, (anchor, _) in anchors.items()} == {
        "low": "start",
        "middle": "middle",
        "high": "end",
    }
    assert anchors["middle"][1] == WIDTH / 2
