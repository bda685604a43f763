"""The tile that is chosen against a search through all candidates, pixel by pixel."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.backgrounds.choice import EQUAL, choose_rectangle, choose_strip, mean_saliencies
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.types import Box

Soft = NDArray[np.uint8]


def mean(saliency: Soft, box: Box, size: tuple[int, int]) -> Fraction:
    """Of all values whose center, in pixels of the photo, lies in the box; with no rounding anywhere."""
    (height, width), (rows, columns) = size, saliency.shape
    inside_y = [y for y in range(rows) if box.y0 <= Fraction((2 * y + 1) * height, 2 * rows) < box.y1]
    inside_x = [x for x in range(columns) if box.x0 <= Fraction((2 * x + 1) * width, 2 * columns) < box.x1]
    values = [int(saliency[y, x]) for y in inside_y for x in inside_x]
    return Fraction(sum(values), len(values))


def strip_by_search(region: Box, size: tuple[int, int], saliency: Soft) -> Box | None:
    """The least suspected of those thick enough; of those within half a level the largest, doubled beside."""
    height, width = size
    found = []
    for box, thickness, side, weight in (
        (Box(0, 0, region.y0, width), region.y0, height, 1),
        (Box(region.y1, 0, height, width), height - region.y1, height, 1),
        (Box(0, 0, height, region.x0), region.x0, width, 2),
        (Box(0, region.x1, height, width), width - region.x1, width, 2),
    ):
        if thickness >= 8 and thickness >= Fraction(4, 100) * side:
            found.append((mean(saliency, box, size), weight * box.area, box))
    if not found:
        return None
    least = min(value for value, _, _ in found)
    equal = [(area, box) for value, area, box in found if value - least <= Fraction(EQUAL)]
    return next(box for area, box in equal if area == max(one for one, _ in equal))


def blobs(rng: np.random.Generator, shape: tuple[int, int]) -> Soft:
    """Suspicions of all strengths, and noise of single levels as networks leave it."""
    soft = rng.integers(0, 2, shape)
    for _ in range(3):
        y, x = (int(rng.integers(0, side)) for side in shape)
        soft[y : y + shape[0] // 3, x : x + shape[1] // 3] += int(rng.choice([1, 20, 120]))
    return soft.clip(0, 255).astype(np.uint8)


def test_the_strip_is_the_one_that_a_search_finds() -> None:
    rng = np.random.default_rng(0)
    sides, alone = set(), 0
    for turn in range(120):
        height, width = (int(side) for side in rng.integers(20, 300, 2))
        (y0, y1), (x0, x1) = (np.sort(rng.integers(0, side + 1, 2)) for side in (height, width))
        region = Box(int(y0), int(x0), int(y1), int(x1)) if turn % 20 else Box(0, 0, height, width)
        saliency = blobs(rng, (32, 32))
        found, wanted = (
            choose_strip(region, (height, width, 3), saliency),
            strip_by_search(region, (height, width), saliency),
        )
        assert (found.box if found else None) == wanted
        largest = choose_strip(region, (height, width, 3))
        sides.add(found.how if found else "")
        alone += found != largest
    assert len(sides) == 5
    assert alone > 20


def test_a_suspected_strip_loses_to_a_smaller_one_and_noise_decides_nothing() -> None:
    region, shape = Box(40, 60, 60, 80), (100, 120)
    saliency = np.zeros(shape, np.uint8)
    saliency[40:60, 60:80] = 255
    saliency[:30] = 1  # .3 of a level on the left, less than half a level: noise
    assert choose_strip(region, shape, saliency) == ("tiled-left", Box(0, 0, 100, 60))
    saliency[70:, :40] = 120
    assert choose_strip(region, shape, saliency) == ("tiled-right", Box(0, 80, 100, 120))


@pytest.mark.parametrize(
    ("region", "shape", "how"),
    [
        # 300 x 1000: left 39 px over 300, doubled, is larger than above 20 px over 1000, but 39 < 40, 4 %.
        (Box(20, 39, 300, 1000), (300, 1000), "tiled-top"),
        (Box(11, 39, 300, 1000), (300, 1000), ""),  # 11 < 12 = 4 % of 300
        (Box(11, 40, 300, 1000), (300, 1000), "tiled-left"),
        (Box(7, 7, 60, 60), (60, 60), ""),  # under 8 px
    ],
)
def test_a_thin_strip_does_not_count(region: Box, shape: tuple[int, int], how: str) -> None:
    for saliency in (None, np.zeros((128, 128), np.uint8)):
        found = choose_strip(region, shape, saliency)
        assert (found.how if found else "") == how


def test_the_rectangle_is_the_least_suspected_of_three() -> None:
    taken = np.zeros((120, 160), bool)
    taken[:, :20] = taken[100:] = True
    assert choose_rectangle(taken) == ("tiled-rectangle", Box(0, 20, 100, 160))
    saliency = np.zeros(taken.shape, np.uint8)
    saliency[:, 90:], saliency[60:] = 20, 90  # a weak suspicion on the right, a strong one below
    candidates = [largest_free_rectangle(taken | (saliency >= level)) for level in (256, 64, 16)]
    means = [mean(saliency, box, (120, 160)) for box in candidates]
    assert means[2] == 0 < min(means[:2])
    assert choose_rectangle(taken, saliency) == ("tiled-rectangle", candidates[2])
    saliency[saliency < 64] = 0
    found = choose_rectangle(taken, saliency)
    assert found is not None
    assert found.box == candidates[1]
    assert choose_rectangle(~np.zeros((30, 30), bool), np.zeros((30, 30), np.uint8)) is None


def test_means_are_exact_and_a_box_without_a_value_is_the_most_suspected() -> None:
    rng = np.random.default_rng(1)
    saliency = rng.integers(0, 256, (7, 9), dtype=np.uint8)
    for _ in range(40):
        (y0, y1), (x0, x1) = (np.sort(rng.choice(size + 1, 2, replace=False)) for size in (31, 23))
        box = Box(int(y0), int(x0), int(y1), int(x1))
        found = mean_saliencies([box], (31, 23), saliency)[0]
        try:
            assert found == float(mean(saliency, box, (31, 23)))
        except ZeroDivisionError:
            assert found == 255
