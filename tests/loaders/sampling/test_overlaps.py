"""Bounded overlaps of crops: kept wherever geometry allows, by brute force and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.loaders.recipes.parts import Crop
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.overlaps import intersection, move_to_limits, off_bounds, off_limits, shown_box
from maskgen.shards.meta import META

SIZE = (300, 400)


def pairs(first: Crop, second: Crop, count: int = 400, size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """(count, 2, 4) boxes in whole pixels, as a loader draws them."""
    sat, meta = np.zeros((count, 33, 33), np.uint16), np.zeros(count, META)
    meta["size"] = size
    recipe = Recipe(views=(View(crop=first), View(crop=second)))
    views = draw(recipe, sat, meta, np.arange(count), seed=0, epoch=0).views
    boxes = np.stack([view.box for view in views], axis=1) * np.tile(np.array(size, float), 2)
    return np.asarray(np.rint(boxes))


def ious(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """By painting both boxes."""
    found = []
    for pair in boxes.astype(int).tolist():
        painted = np.zeros((2, *SIZE), bool)
        for number, (y, x, h, w) in enumerate(pair):
            painted[number, y : y + h, x : x + w] = True
        found.append(painted.all(axis=0).sum() / painted.any(axis=0).sum())
    return np.array(found)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0.5), (0, 0.3), (0, 0.2), (0, 0.1), (0, 0.02), (0, 0), (0.9, 1), (0.5, 0.52)]
)
def test_limits_are_kept(low: float, high: float) -> None:
    boxes = pairs(Crop(), Crop(iou=(0, low, high)))
    overlap = ious(boxes)
    missed = (overlap < low - 1e-9) | (overlap > high + 1e-9)
    assert missed.mean() <= 0.01
    shares, ratios = boxes[..., 2:].prod(axis=2) / 120_000, boxes[..., 3] / boxes[..., 2]
    assert ((shares > 0.195) & (shares <= 1)).all(), "still crops of their sizes and shapes"
    assert ((ratios > 0.74) & (ratios < 1.35)).all()
    assert ((boxes[..., :2] >= 0) & (boxes[..., :2] + boxes[..., 2:] <= SIZE)).all()


@pytest.mark.parametrize("size", [(100, 1000), (1000, 100), (17, 500)])
def test_narrow_limits_are_kept_in_long_photos(size: tuple[int, int]) -> None:
    """A pair moves many of its own widths there, so that coarse steps would leap over a narrow band."""
    boxes = pairs(Crop(), Crop(iou=(0, 0.2, 0.25)), 40, size)
    assert (off_bounds(boxes[:, 1], boxes[:, 0], (0.2, 0.25)) <= 1e-9).mean() >= 0.99


def test_limits_that_only_few_pairs_can_meet_are_kept_too() -> None:
    """Two crops of nearly half the photo lie side by side in one way only."""
    boxes = pairs(Crop(scale=(0.42, 1.0)), Crop(scale=(0.42, 1.0), iou=(0, 0.0, 0.05)), 60)
    assert (ious(boxes) <= 0.05 + 1e-9).mean() >= 0.99


def test_an_impossible_limit_is_missed_by_the_least() -> None:
    """Crops of 80 % of the area share at least 60 %: 0.6 / 1 of their union."""
    crop = Crop(scale=(0.8, 0.8), ratio=(4 / 3, 4 / 3))
    overlap = ious(pairs(crop, Crop(scale=crop.scale, ratio=crop.ratio, iou=(0, 0.0, 0.1)), 20))
    side = np.sqrt(0.8)
    least = (2 * side - 1) ** 2
    np.testing.assert_allclose(overlap, least / (1.6 - least), atol=0.01)


def test_pairs_within_their_limits_stay_as_they_were_drawn() -> None:
    free, bound = pairs(Crop(), Crop()), pairs(Crop(), Crop(iou=(0, 0.0, 1.0)))
    np.testing.assert_array_equal(free, bound)


def test_a_view_shows_those_pixels_of_another_whose_centers_lie_in_it() -> None:
    """Pixel by pixel, in whole numbers: a center is at y0 + (2 i + 1) h / 2 S."""
    first, second, side = Crop(scale=(0.05, 1)), Crop(scale=(0.05, 1)), 7
    both = pairs(first, second, 300).astype(int)
    relative = (both / np.tile(np.array(SIZE, float), 2)).astype(np.float32)
    flips = np.arange(len(both)) % 2 == 1
    boxes = shown_box(relative[:, 0], relative[:, 1], flips, side)
    seen = 0
    for (own, other), flip, (y0, x0, y1, x1) in zip(both.tolist(), flips, boxes.tolist(), strict=True):
        for row in range(side):
            for column in range(side):
                across = side - 1 - column if flip else column
                y = own[0] * 2 * side + (2 * row + 1) * own[2]
                x = own[1] * 2 * side + (2 * across + 1) * own[3]
                inside = all(
                    start * 2 * side <= at < (start + length) * 2 * side
                    for at, start, length in ((y, other[0], other[2]), (x, other[1], other[3]))
                )
                assert inside == (y0 <= row < y1 and x0 <= column < x1)
                seen += inside
    assert 0.2 < seen / (len(both) * side**2) < 0.8


def test_crops_that_share_nothing_show_nothing_of_each_other() -> None:
    left, right = np.array([[0, 0, 1, 0.25]], np.float32), np.array([[0, 0.5, 1, 0.5]], np.float32)
    y0, x0, y1, x1 = shown_box(left, right, np.array([False]), 10)[0].tolist()
    assert (y1 - y0) * (x1 - x0) == 0


def test_distances_from_bounds_by_hand() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 10]], float)
    assert intersection(boxes[0], boxes[1]) == 50
    assert off_bounds(boxes[0], boxes[1], (0.0, 0.1)) == pytest.approx(50 / 150 - 0.1)
    assert off_bounds(boxes[0], boxes[1], (0.5, 1.0)) == pytest.approx(0.5 - 50 / 150)
    assert off_bounds(boxes[0], boxes[1], (0.3, 0.4)) == 0


@pytest.mark.parametrize("other", [Crop(fg_min=0.2, iou=(0, 0, 0.1)), Crop(overlap_of=0, iou=(0, 0, 0.1))])
def test_pairs_with_another_rule_are_not_moved(other: Any) -> None:
    boxes = np.tile(np.array([10, 10, 200, 250], float), (1, 2, 1))
    before = boxes.copy()
    move_to_limits([Crop(), other], np.array([[300.0, 400.0]]), boxes)
    np.testing.assert_array_equal(boxes, before)
    assert off_limits([Crop(), other], boxes)[0] == pytest.approx(0.9)
