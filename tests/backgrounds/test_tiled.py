"""The tiled background against the rule of its paper, written out pixel by pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.backgrounds.tiled import repeat, tiled, widest_strip
from maskgen.types import RGB, Background, Box, Filled, HardMask

Case = tuple[RGB, HardMask]
Check = Callable[[Background, RGB, HardMask], Filled]


def noise(height: int, width: int) -> RGB:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxed(height: int, width: int, box: Box) -> HardMask:
    mask = np.zeros((height, width), bool)
    mask[box.y0 : box.y1, box.x0 : box.x1] = True
    return mask


@pytest.mark.parametrize(
    ("box", "how", "strip"),
    [
        # 100 x 120, margin 2: the box grows by 2; the areas decide, not the thickness.
        (Box(40, 62, 60, 82), "tiled-left", Box(0, 0, 100, 60)),  # left 60x100 > bottom 38x120
        (Box(40, 38, 60, 58), "tiled-right", Box(0, 60, 100, 120)),
        (Box(72, 10, 90, 110), "tiled-top", Box(0, 0, 70, 120)),
        (Box(10, 10, 28, 110), "tiled-bottom", Box(30, 0, 100, 120)),
        # 50 x 120 above equals 60 x 100 beside: the authors' script then takes above or below.
        (Box(52, 62, 98, 118), "tiled-top", Box(0, 0, 50, 120)),
        (Box(45, 55, 55, 65), "tiled-left", Box(0, 0, 100, 53)),  # left 53 = right 53
    ],
)
def test_the_larger_strip_by_area_is_repeated_from_the_corner(box: Box, how: str, strip: Box) -> None:
    image, mask = noise(100, 120), boxed(100, 120, box)
    filled = tiled(image, mask)
    assert filled.how == how
    assert filled.region == (
        max(0, box.y0 - 2),
        max(0, box.x0 - 2),
        min(100, box.y1 + 2),
        min(120, box.x1 + 2),
    )
    tile = image[strip.y0 : strip.y1, strip.x0 : strip.x1]
    wanted = image.copy()
    for y in range(filled.region.y0, filled.region.y1):
        for x in range(filled.region.x0, filled.region.x1):
            wanted[y, x] = tile[y % tile.shape[0], x % tile.shape[1]]
    np.testing.assert_array_equal(filled.image, wanted)


boxes = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40), st.integers(1, 40))


@pytest.mark.slow
@settings(deadline=None)
@given(boxes, boxes)
def test_repeats_equal_a_canvas_tiled_from_the_corner(tile: tuple[int, ...], region: tuple[int, ...]) -> None:
    image = noise(80, 80)
    source = Box(tile[0], tile[1], tile[0] + tile[2], tile[1] + tile[3])
    target = Box(region[0], region[1], region[0] + region[2], region[1] + region[3])
    out, wanted = image.copy(), image.copy()
    repeat(image, source, out, target)
    canvas = np.tile(image[source.y0 : source.y1, source.x0 : source.x1], (80, 80, 1))
    window = slice(target.y0, target.y1), slice(target.x0, target.x1)
    wanted[window] = canvas[window]
    np.testing.assert_array_equal(out, wanted)


def test_a_thin_strip_gives_way_to_the_other_direction_and_then_to_a_rectangle() -> None:
    # 300 x 1000: above 20 px over 1000 is larger than left 39 px over 300, but 39 < 40 = 4 % of 1000.
    assert widest_strip(Box(20, 39, 300, 1000), (300, 1000))[0] == "tiled-top"
    assert widest_strip(Box(11, 39, 300, 1000), (300, 1000))[0] == ""  # 11 < 12 = 4 % of 300
    assert widest_strip(Box(11, 40, 300, 1000), (300, 1000)) == ("tiled-left", Box(0, 0, 300, 40))
    assert widest_strip(Box(7, 7, 60, 60), (60, 60))[0] == ""  # under 8 px

    # An L that touches all four borders: only a rectangle inside its box is left.
    mask = np.zeros((120, 160), bool)
    mask[:, :20] = mask[100:] = True
    image = noise(120, 160)
    filled = tiled(image, mask)
    assert filled.how == "tiled-rectangle"
    assert filled.region == (0, 0, 120, 160)
    tile = image[:98, 22:]  # the margin is 2
    np.testing.assert_array_equal(filled.image, np.tile(tile, (2, 2, 1))[:120, :160])


def test_what_is_left_when_nothing_can_be_repeated() -> None:
    image = noise(40, 50)
    mask = np.ones((40, 50), bool)
    assert (tiled(image, mask).image == 127).all()
    mask[0] = False
    filled = tiled(image, mask)
    assert filled.how == "mean"
    np.testing.assert_array_equal(filled.image, np.broadcast_to(np.rint(image[0].mean(axis=0)), image.shape))
    nothing = tiled(image, np.zeros((40, 50), bool))
    assert nothing == (image, "untouched", Box(0, 0, 0, 0))


def test_no_foreground_on_synthetic_masks(synthetic_cases: list[Case], keeps_foreground_out: Check) -> None:
    slugs = Counter(keeps_foreground_out(tiled, *case).how for case in synthetic_cases)
    wanted = {"tiled-left", "tiled-right", "tiled-top", "tiled-bottom", "tiled-rectangle", "mean"}
    assert wanted <= slugs.keys(), slugs


@pytest.mark.slow
def test_no_foreground_on_real_photos(real_cases: list[Case], keeps_foreground_out: Check) -> None:
    for case in real_cases:
        keeps_foreground_out(tiled, *case)


@pytest.mark.slow
def test_no_foreground_color_on_real_photos(real_cases: list[Case]) -> None:
    """A color that occurs nowhere in the photo, painted over the true mask, occurs nowhere in the result."""
    for photo, mask in real_cases:
        present = np.unique(photo.astype(np.int32) @ [1 << 16, 1 << 8, 1])
        packed = int(np.setdiff1d(np.arange(255 << 16, 256 << 16), present)[0])
        color = (packed >> 16, packed >> 8 & 255, packed & 255)
        painted = photo.copy()
        painted[mask] = color
        assert (painted == color).all(axis=-1).any()
        assert not (tiled(painted, mask).image == color).all(axis=-1).any()


def test_the_photo_may_be_read_only_or_a_view() -> None:
    image, mask = noise(100, 120), boxed(100, 120, Box(40, 60, 60, 80))
    wanted = tiled(image, mask).image
    image.setflags(write=False)
    np.testing.assert_array_equal(tiled(image, mask).image, wanted)
    flipped = tiled(np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])).image
    np.testing.assert_array_equal(tiled(image[:, ::-1], mask[:, ::-1]).image, flipped)
