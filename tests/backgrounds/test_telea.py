"""Telea's fill at a quarter of the size: nothing of the foreground, and near the fill at full size."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from maskgen.backgrounds.region import grow_mask, margin_px, mean_fill
from maskgen.backgrounds.telea import SEAM_PX, shrink_known, telea
from maskgen.types import RGB, Background, Box, Filled, HardMask

Case = tuple[RGB, HardMask]
Check = Callable[[Background, RGB, HardMask], Filled]


def psnr(a: RGB, b: RGB, where: HardMask) -> float:
    error = np.square(a[where].astype(float) - b[where].astype(float)).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def test_no_foreground_on_synthetic_masks(synthetic_cases: list[Case], keeps_foreground_out: Check) -> None:
    slugs = {keeps_foreground_out(telea, *case).how for case in synthetic_cases}
    assert slugs == {"telea", "mean", "untouched"}


@pytest.mark.slow
def test_no_foreground_on_real_photos(real_cases: list[Case], keeps_foreground_out: Check) -> None:
    for case in real_cases:
        assert keeps_foreground_out(telea, *case).how == "telea"


@pytest.mark.slow
def test_the_photo_is_kept_from_the_seam_outwards(real_cases: list[Case]) -> None:
    for photo, mask in real_cases:
        kept = ~grow_mask(mask, margin_px(photo.shape) + 2 * SEAM_PX)
        np.testing.assert_array_equal(telea(photo, mask).image[kept], photo[kept])


@pytest.mark.slow
def test_the_fill_is_near_the_full_size_one_and_nearer_than_the_mean(real_cases: list[Case]) -> None:
    ours, flat = [], []
    for photo, mask in real_cases[:8]:
        hole = grow_mask(mask, margin_px(photo.shape))
        full = np.asarray(cv2.inpaint(photo, hole.view(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)
        ours.append(psnr(telea(photo, mask).image, full, hole))
        flat.append(psnr(mean_fill(photo, mask, Box(0, 0, *mask.shape)).image, full, hole))
    assert np.median(ours) > 20
    assert np.median(ours) > np.median(flat) + 5


def test_a_ramp_is_continued_across_the_hole() -> None:
    ramp = np.repeat(np.linspace(0, 250, 200).astype(np.uint8)[None, :, None], 160, axis=0).repeat(3, axis=2)
    mask = np.zeros((160, 200), bool)
    mask[70:90, 60:140] = True
    error = np.abs(telea(ramp, mask).image.astype(int) - ramp)
    assert error.max() <= 12  # the full-size fill errs by up to 15 gray values here
    assert error[grow_mask(mask, 2)].mean() <= 3


@pytest.mark.slow
@settings(deadline=None)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)))
def test_shrinking_averages_the_known_pixels_of_each_block(hole: HardMask) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (*hole.shape, 3), dtype=np.uint8)
    if hole.all():
        return
    small, known = shrink_known(photo, hole)
    for y in range(small.shape[0]):
        for x in range(small.shape[1]):
            block = slice(4 * y, 4 * y + 4), slice(4 * x, 4 * x + 4)
            pixels = photo[block][~hole[block]].astype(float)
            assert known[y, x] * 16 == len(pixels)
            wanted = pixels.mean(axis=0) if len(pixels) else photo[~hole].astype(float).mean(axis=0)
            np.testing.assert_allclose(small[y, x], wanted, atol=0.501)


def test_degenerate_masks() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert telea(photo, np.zeros((30, 40), bool)) == (photo, "untouched", Box(0, 0, 0, 0))
    everything = telea(photo, np.ones((30, 40), bool))
    assert (everything.how, everything.region) == ("mean", Box(0, 0, 30, 40))
    assert (everything.image == 127).all()
