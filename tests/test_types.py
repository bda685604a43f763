"""The shared words that hold a rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.types import Box

SIDES = st.integers(-5, 12)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_boxs_area_is_the_number_of_its_pixels(y0: int, x0: int, y1: int, x1: int) -> None:
    assert Box(y0, x0, y1, x1).area == len([(y, x) for y in range(y0, y1) for x in range(x0, x1)])


@pytest.mark.parametrize("box", [Box(0, 0, 0, 0), Box(3, 3, 3, 9), Box(5, 0, 2, 4)])
def test_an_empty_box_has_no_pixels(box: Box) -> None:
    assert box.area == 0
