"""One photo's background in one line, and what is said of wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.backgrounds import BACKGROUNDS, make_background
from maskgen.backgrounds.make import covered_region
from maskgen.backgrounds.region import fill_region
from maskgen.errors import UsageError

PHOTO = np.random.default_rng(0).integers(60, 100, (60, 80, 3)).astype(np.uint8)
MASK = np.zeros((60, 80), np.bool_)
MASK[20:40, 30:50] = True
PHOTO[MASK] = (250, 20, 20)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_the_foreground_is_gone_and_the_photo_stays_as_it_was(name: str) -> None:
    before = PHOTO.copy()
    background = make_background(name, PHOTO, MASK)
    assert background.shape == PHOTO.shape
    assert background.max() < 110
    assert np.array_equal(PHOTO, before)
    assert np.array_equal(background, BACKGROUNDS[name](PHOTO, MASK).image)


def test_without_foreground_it_is_the_photo() -> None:
    assert make_background("telea", PHOTO, np.zeros((60, 80), np.bool_)) is PHOTO


@pytest.mark.parametrize(
    ("name", "image", "mask", "words"),
    [
        ("tlied", PHOTO, MASK, "did you mean 'tiled'"),
        ("none", PHOTO, MASK, "unknown background"),
        ("tiled", "photo.jpg", MASK, "not a str"),
        ("tiled", PHOTO / 255, MASK, "float64"),
        ("tiled", PHOTO[..., 0], MASK, r"\(60, 80\)"),
        ("tiled", PHOTO, MASK.astype(np.float32), "mask >= 0.5"),
        ("tiled", PHOTO, None, "not a NoneType"),
        ("tiled", PHOTO, MASK.T, r"\(80, 60\) bool and the photo \(60, 80, 3\)"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(name: str, image: Any, mask: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_background(name, image, mask)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_the_covered_region_is_the_makers_own(name: str) -> None:
    assert covered_region(name, MASK) == BACKGROUNDS[name](PHOTO, MASK).region


def test_shards_of_the_first_way_of_tiling_cover_the_grown_box_without_seams() -> None:
    assert covered_region("tiled", MASK, 1) == fill_region(MASK) != covered_region("tiled", MASK, 2)


def test_a_soft_mask_keeps_what_it_suspects_out_of_the_tile() -> None:
    photo, soft = PHOTO.copy(), MASK.astype(np.float32)
    photo[22:38, 6:18], soft[22:38, 6:18] = (20, 20, 250), 0.4  # a second object, left of the first
    assert make_background("tiled", photo, MASK)[30, 40, 2] > 200
    assert make_background("tiled", photo, MASK, saliency=soft)[30, 40, 2] < 110
    with pytest.raises(UsageError, match=r"a soft mask is an \(H, W\) float array, not \(60, 80\) bool"):
        make_background("tiled", photo, MASK, saliency=MASK)  # type: ignore[arg-type]
