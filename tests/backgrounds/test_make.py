"""One photo's background in one line, and what is said of wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.backgrounds import BACKGROUNDS, make_background
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
