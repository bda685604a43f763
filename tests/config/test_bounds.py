"""Bounds of numbers: what they hold, and how they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.config.bounds import ANY, LARGEST, Bounds, above, at_least, between


@given(st.floats(allow_nan=True))
def test_bounds_hold_exactly_the_numbers_between(value: float) -> None:
    assert between(-1, 1).hold(value) == (abs(value) <= 1)
    assert above(0).hold(value) == (0 < value <= LARGEST)
    assert at_least(2).hold(value) == (2 <= value <= LARGEST)


@pytest.mark.parametrize(
    ("bounds", "value", "words"),
    [
        (at_least(1), 0, "at least 1"),
        (above(0), 0, "above 0"),
        (between(1, 9), 10, "from 1 to 9"),
        (above(0, 1), 2, "above 0 and up to 1"),
        (ANY, -1, "at least 0"),
    ],
)
def test_a_value_outside_is_answered_by_what_is_inside(bounds: Bounds, value: float, words: str) -> None:
    assert not bounds.hold(value)
    assert bounds.in_words(value) == words
