"""The tiled background against the rule of its paper, written out pixel by pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.backgrounds.tiled import cover, tiled
from maskgen.types import RGB, Background, Box, Filled, HardMask

Case = tuple[RGB, HardMask]
Check = Callable[[Background, RGB, HardMask], Filled]


def noise(height: int, width: int) -> RGB:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxed(height: int, width: int, box: Box) -> HardMask:
    mask = np.zeros((height, width), bool)
    mask[box.y0 : box.y1, box.x0 : box.x1] = True
    return mask


def covered(image: RGB, tile: Box, region: Box, seam: int) -> RGB:
    """What the docstring says, a pixel at a time."""
    height, width = image.shape[:2]
    out = image.copy()
    for y in range(region.y0, region.y1):
        for x in range(region.x0, region.x1):
            source = mirrored(y, tile.y0, tile.y1), mirrored(x, tile.x0, tile.x1)
            to_edge = [
                (inside + 0.5) / seam
                for inside, is_border in (
                    (y - region.y0, region.y0 == 0),
                    (region.y1 - 1 - y, region.y1 == height),
                    (x - region.x0, region.x0 == 0),
                    (region.x1 - 1 - x, region.x1 == width),
                )
                if not is_border
            ]
            share = min([1.0, *to_edge])
            share = share * share * (3 - 2 * share)
            out[y, x] = np.rint(share * image[source] + (1 - share) * image[y, x])
    return out


def mirrored(at: int, first: int, end: int) -> int:
    """Where a walk that turns at both ends of a tile stands."""
    while not first <= at < end:
        at = 2 * first - 1 - at if at < first else 2 * end - 1 - at
    return at


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_window_shows_the_pixels_of_the_whole(seed: int) -> None:
    """Also where the window holds a part of the frame alone, or nothing of what is covered."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(8, 90, 2))
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    def box() -> Box:
        (y0, y1), (x0, x1) = (
            sorted(rng.choice(side + 1, 2, replace=False).tolist()) for side in (height, width)
        )
        return Box(y0, x0, y1, x1)

    tile, region, window = box(), box(), box()
    strips = tile, Box(0, tile.x0, height, tile.x1), Box(tile.y0, 0, tile.y1, width)
    for strip in strips:
        whole = cover(photo, strip, region)
        shown = cover(photo, strip, region, window)
        assert (shown == whole[window.y0 : window.y1, window.x0 : window.x1]).all()


def close(one: RGB, other: RGB) -> bool:
    """Equal but for the rounding of halves."""
    return int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


@pytest.mark.parametrize(
    ("box", "how", "strip"),
    [
        # 100 x 120, margin 2 and seam 4: the box grows by 6; areas decide, those beside doubled.
        (Box(40, 66, 60, 86), "tiled-left", Box(0, 0, 100, 60)),  # 2 x left 60x100 > bottom 34x120
        (Box(40, 34, 60, 54), "tiled-right", Box(0, 60, 100, 120)),
        (Box(76, 10, 90, 110), "tiled-top", Box(0, 0, 70, 120)),
        (Box(10, 10, 24, 110), "tiled-bottom", Box(30, 0, 100, 120)),
        # 50 x 120 above equals 2 x 30 x 100 beside: the authors' script then takes above or below.
        (Box(56, 36, 98, 118), "tiled-top", Box(0, 0, 50, 120)),
        (Box(45, 55, 55, 65), "tiled-left", Box(0, 0, 100, 49)),  # left 49 = right 49
    ],
)
def test_the_larger_strip_is_mirrored_and_its_edges_are_feathered(box: Box, how: str, strip: Box) -> None:
    image, mask = noise(100, 120), boxed(100, 120, box)
    filled = tiled(image, mask)
    assert filled.how == how
    assert filled.region == (
        max(0, box.y0 - 6),
        max(0, box.x0 - 6),
        min(100, box.y1 + 6),
        min(120, box.x1 + 6),
    )
    assert close(filled.image, covered(image, strip, filled.region, 4))


def test_the_strip_that_the_soft_mask_suspects_is_not_repeated() -> None:
    """The largest strip holds a second object, below the threshold: it was repeated all over the first."""
    image, mask = np.full((100, 120, 3), 90, np.uint8), boxed(100, 120, Box(40, 66, 60, 86))
    saliency = np.where(mask, 255, 0).astype(np.uint8)
    image[mask] = (250, 20, 20)
    image[40:60, 10:50], saliency[40:60, 10:50] = (20, 20, 250), 110
    assert tiled(image, mask).how == "tiled-left"
    filled = tiled(image, mask, saliency)
    assert filled.how == "tiled-right"
    y0, x0, y1, x1 = filled.region
    assert (filled.image[y0:y1, x0:x1] == 90).all()


def test_repeats_go_on_across_the_edge_that_the_strip_shares_with_the_box() -> None:
    """A slope of one level a pixel has no step over three levels: unmirrored repeats had one of 60."""
    slope = np.broadcast_to(np.arange(120, dtype=np.uint8)[None, :, None], (100, 120, 3)).copy()
    filled = tiled(slope, boxed(100, 120, Box(0, 66, 100, 120)))
    assert filled.how == "tiled-left"
    assert np.abs(np.diff(filled.image.astype(int), axis=1)).max() <= 3


def test_a_seam_passes_from_the_photo_into_the_repeats() -> None:
    """Where the far edge of the box meets other colors no two neighbors differ as the two sides do."""
    image = np.full((400, 400, 3), 50, np.uint8)
    image[:, 260:] = 150
    filled = tiled(image, boxed(400, 400, Box(100, 250, 300, 330)))
    assert filled.how == "tiled-left"
    steps = np.abs(np.diff(filled.image[200].astype(int), axis=0))
    assert filled.region.x1 == 342
    assert 0 < steps.max() <= 20  # 1.5 / 8 px of 100 levels


boxes = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40), st.integers(1, 40))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(boxes, boxes)
def test_any_tile_over_any_region_is_what_the_docstring_says(
    tile: tuple[int, ...], region: tuple[int, ...]
) -> None:
    image = noise(80, 80)
    source = Box(tile[0], tile[1], tile[0] + tile[2], tile[1] + tile[3])
    target = Box(region[0], region[1], region[0] + region[2], region[1] + region[3])
    assert close(cover(image, source, target), covered(image, source, target, 4))


def test_where_no_strip_is_left_a_rectangle_is_repeated() -> None:
    # An L that touches all four borders: only a rectangle inside its box is left.
    mask = np.zeros((120, 160), bool)
    mask[:, :20] = mask[100:] = True
    image = noise(120, 160)
    filled = tiled(image, mask)
    assert filled.how == "tiled-rectangle"
    assert filled.region == (0, 0, 120, 160)
    tile = image[:98, 22:]  # the margin is 2
    np.testing.assert_array_equal(filled.image[:98, 22:], tile)
    np.testing.assert_array_equal(filled.image[98:, 22:], tile[:-23:-1])
    np.testing.assert_array_equal(filled.image[:98, :22], tile[:, 21::-1])


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
