"""The budget as text."""

from __future__ import annotations

from maskgen.pipelines.budget.measure import Budget, Part
from maskgen.pipelines.budget.table import budget_lines


def test_lines_by_hand() -> None:
    parts = (Part("decode", 2.0, 1.0, "simplejpeg"), Part("index", 0.5, 0.5), Part("network", 6.0, 6.0, "x"))
    lines = budget_lines(Budget(parts, 10.0, 12, 110e3, 200e3, 250e3))
    assert lines[0] == "12 photos of 110 kB and 200 kpx, samples of 250 kB"
    assert lines[2].split() == ["decode", "2.000", "1.000", "50", "%", "simplejpeg"]
    assert lines[3].split() == ["index", "0.500", "0.500"]
    assert lines[5].split() == ["all", "parts", "8.500", "7.500", "88", "%"]
    assert lines[6].split()[:5] == ["the", "worker", "10.000", "75", "%"]
    assert lines[7].split() == ["not", "explained", "1.500"]
    assert lines[8].split() == ["all", "but", "the", "network", "4.000", "1.500", "38", "%"]


def test_a_part_that_costs_nothing_has_no_share() -> None:
    assert budget_lines(Budget((Part("jpg", 0.0, 0.0, "x"),), 1.0, 8, 1.0, 1.0, 1.0))[2].endswith("x")
