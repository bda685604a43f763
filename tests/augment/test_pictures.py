"""Pictures and masks of other libraries: every form of one picture is that picture, the rest is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from maskgen.augment.pictures import as_mask, as_photo, small_masks
from maskgen.errors import UsageError
from maskgen.shards import coverage


def test_a_photo_is_the_same_in_every_form() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    for given in (photo, Image.fromarray(photo), torch.from_numpy(photo).movedim(-1, 0)):
        np.testing.assert_array_equal(as_photo(given), photo)
    gray = Image.fromarray(photo[..., 0])
    np.testing.assert_array_equal(as_photo(gray), np.repeat(photo[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((5, 7), np.uint8),
        np.zeros((5, 7, 3), np.float32),
        torch.zeros(3, 5, 7),
        np.zeros((0, 7, 3), np.uint8),
    ],
)
def test_what_is_no_photo_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="a photo is"):
        as_photo(given)


def test_a_mask_is_the_same_in_every_form() -> None:
    hard = np.eye(6, dtype=np.bool_)
    for given in (
        hard,
        hard[None],
        hard.astype(np.float32),
        hard.astype(np.uint8) * 255,
        torch.from_numpy(hard),
    ):
        np.testing.assert_array_equal(as_mask(given), hard * np.uint8(255))
    np.testing.assert_array_equal(as_mask(np.full((2, 2), 0.25)), np.full((2, 2), 64))


def test_few_ones_are_a_soft_mask_that_is_next_to_empty_and_many_a_hard_one() -> None:
    """Of random crops of soft masks whose largest value is 1, none held more than 7 % of ones."""
    faint = np.zeros((10, 20), np.uint8)
    faint[0, :14] = 1
    with pytest.warns(UserWarning, match="of a hard one give"):
        np.testing.assert_array_equal(as_mask(faint), faint)
    faint[0, 14:] = 1
    with pytest.raises(UsageError, match="no value above 1"):
        as_mask(faint)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.eye(4, dtype=np.uint8), "no value above 1"),
        (np.eye(4) * 255, "reach from 0 to 255"),
        (np.full((4, 4), np.nan), "reach from"),
        (np.eye(4, dtype=np.int64), "int64"),
        (np.zeros((2, 4, 4), np.bool_), "has the shape"),
    ],
)
def test_what_is_no_mask_is_refused(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        as_mask(given)


def test_a_mask_of_another_shape_is_refused_and_a_smaller_one_taken() -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:30] = 255
    small = small_masks([mask], [(301, 399)], 128)
    assert small.meta["fg_area_ppm"][0] == pytest.approx(1e6 * 200 / 1200, rel=0.03)
    assert small.meta["fg_box"][0] == pytest.approx([100, 100, 200, 300], abs=6)
    np.testing.assert_array_equal(small.fg[0], coverage.small_mask(mask))
    with pytest.raises(UsageError, match="does not fit its photo"):
        small_masks([mask], [(400, 300)], 128)
