"""Crops hold their share of the foreground, move with their mask, and follow from their draws."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.trainers.evaluations.grounding.crops import LEAST, crop_pair


def test_both_crops_hold_a_fifth_of_the_foreground() -> None:
    photo, mask = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), bool)
    mask[10:40, 15:60] = True
    photo[..., 0], photo[..., 1] = np.arange(160)[None, :], np.arange(120)[:, None]
    shares, areas = [], []
    for number in range(300):
        for crop in crop_pair(photo, mask, 32, "random", np.random.default_rng(number)):
            (left, right), (top, bottom) = (
                (int(crop.picture[..., c].min()), int(crop.picture[..., c].max())) for c in (0, 1)
            )
            area = (right - left + 1) * (bottom - top + 1)
            shares.append(crop.mask.mean() * area / mask.sum())
            areas.append(area / mask.size)
    assert min(shares) > LEAST * 0.8  # the area is read off the picture, so it is not exact
    assert min(areas) < 0.3
    assert max(areas) > 0.9
    assert np.std(areas) > 0.15


def test_a_mask_moves_with_its_photo() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((90, 60), bool)
    mask[20:70, 10:40] = True
    photo = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    for kind in ("random", "whole"):
        for crop in crop_pair(photo, mask, 40, kind, rng):
            assert np.array_equal(crop.picture[..., 0] >= 128, crop.mask)


def test_a_whole_photo_is_query_and_key_at_once() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    mask = photo[..., 0] > 100
    query, key = crop_pair(photo, mask, 24, "whole", np.random.default_rng(0))
    assert query is key
    assert np.array_equal(query.picture, photo)
    assert np.array_equal(query.mask, mask)


@pytest.mark.parametrize("full", [True, False])
def test_masks_of_one_value_constrain_nothing(full: bool) -> None:
    photo, mask = np.zeros((40, 50, 3), np.uint8), np.full((40, 50), full)
    query, key = crop_pair(photo, mask, 16, "random", np.random.default_rng(1))
    assert query.mask.all() == key.mask.all() == full


def test_the_same_draws_are_the_same_crops() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    one, again, other = (
        crop_pair(photo, photo[..., 0] > 99, 16, "random", np.random.default_rng([0, n])) for n in (1, 1, 2)
    )
    assert np.array_equal(one[0].picture, again[0].picture)
    assert not np.array_equal(one[0].picture, other[0].picture)
    assert not np.array_equal(one[0].picture, one[1].picture)
