"""Sizes and durations in words."""

from __future__ import annotations

import pytest

from maskgen.cli.units import format_size, format_time


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_234_567, "1.23 MB"),
        (5e9, "5 GB"),
        (7.5e12, "7.5 TB"),
        (4e15, "4e+03 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert format_size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (59.9, "59.9 s"), (60, "1 min"), (3599, "60 min"), (5400, "1.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert format_time(seconds) == text
