"""Boxes, margins and the mean color."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from maskgen.backgrounds.region import check_shapes, grow_box, grow_mask, margin_px, mask_box, mean_fill
from maskgen.types import Box, HardMask

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))


@given(masks)
def test_mask_box_is_the_extent_of_the_true_pixels(mask: HardMask) -> None:
    ys, xs = np.nonzero(mask)
    wanted = (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1) if len(ys) else (0, 0, 0, 0)
    assert mask_box(mask) == wanted


@pytest.mark.slow
@given(masks, st.integers(1, 6))
def test_a_grown_mask_has_the_grown_box_and_is_a_square_dilation(mask: HardMask, margin: int) -> None:
    grown = grow_mask(mask, margin)
    side = 2 * margin + 1
    np.testing.assert_array_equal(grown, ndimage.binary_dilation(mask, np.ones((side, side))))
    if mask.any():
        assert mask_box(grown) == grow_box(mask_box(mask), margin, mask.shape)


@pytest.mark.parametrize(("shape", "margin"), [((1, 1), 2), ((375, 500, 3), 5), ((4000, 3000), 40)])
def test_the_margin_is_one_percent_and_at_least_two(shape: tuple[int, ...], margin: int) -> None:
    assert margin_px(shape) == margin


def test_mean_fill_is_the_mean_of_the_background_inside_the_region_only() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    mask = rng.random((20, 30)) < 0.5
    region = Box(3, 4, 15, 28)
    filled = mean_fill(image, mask, region)
    wanted = image.copy()
    wanted[3:15, 4:28] = np.rint(image[~mask].mean(axis=0))
    np.testing.assert_array_equal(filled.image, wanted)
    everything = mean_fill(image, np.ones_like(mask), Box(0, 0, 20, 30)).image
    assert (everything == 127).all()


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), bool)),
        (np.zeros((4, 5, 4), np.uint8), np.zeros((4, 5), bool)),
        (np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), bool)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), bool)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8)),
    ],
)
def test_what_does_not_fit_is_refused(image: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_shapes(image, mask)
