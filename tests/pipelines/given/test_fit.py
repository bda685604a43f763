"""A mask of another size is stretched by 1 % at most."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.errors import ImageFault
from maskgen.pipelines.given.fit import Found, fit


def test_a_mask_of_the_photos_size_keeps_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = fit(Found(levels, (16, 16)), (16, 16), (16, 16))
    assert mask.dtype == np.float32
    assert (np.rint(mask * 255) == levels).all()


@pytest.mark.parametrize("made_for", [(50, 75), (200, 300), (100, 151), (199, 300)])
def test_the_same_picture_at_another_size_fits(made_for: tuple[int, int]) -> None:
    mask = fit(Found(np.full(made_for, 255, np.uint8), made_for), (100, 150), (50, 75))
    assert mask.shape == (50, 75)
    assert mask.min() == 1


@pytest.mark.parametrize("made_for", [(150, 100), (100, 100), (100, 153), (98, 150)])
def test_a_turned_or_cropped_one_does_not(made_for: tuple[int, int]) -> None:
    with pytest.raises(ImageFault, match="other-size: a mask of"):
        fit(Found(np.zeros(made_for, np.uint8), made_for), (100, 150), (100, 150))


def test_what_shards_hold_squeezed_fits_by_the_photo_it_was_made_for() -> None:
    assert fit(Found(np.zeros((128, 128), np.uint8), (100, 150)), (100, 150), (100, 150)).shape == (100, 150)
