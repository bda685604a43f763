"""J and F: properties, empty cases, and a brute-force contour."""

from __future__ import annotations

from math import ceil, hypot

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.trainers.evaluations.davis.measures import (
    TOLERANCE,
    contour,
    contour_accuracy,
    region_similarity,
    statistics,
)
from maskgen.types import HardMask


def blobs(seed: int, height: int = 40, width: int = 50) -> HardMask:
    """A few rectangles."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    for _ in range(rng.integers(1, 4)):
        y, x = rng.integers(0, height - 4), rng.integers(0, width - 4)
        mask[y : y + rng.integers(2, 20), x : x + rng.integers(2, 20)] ^= True
    return mask


MASKS = st.integers(0, 10_000).map(blobs)


def slow_contour(mask: HardMask) -> set[tuple[int, int]]:
    height, width = mask.shape
    found = set()
    for y in range(height):
        for x in range(width):
            for dy, dx in ((0, 1), (1, 0), (1, 1)):
                other = mask[min(y + dy, height - 1), min(x + dx, width - 1)]
                if other != mask[y, x]:
                    found.add((y, x))
    return found


def slow_f(mask: HardMask, truth: HardMask) -> float:
    one, other = slow_contour(mask), slow_contour(truth)
    if not one or not other:
        return float(not one and not other)
    reach = ceil(TOLERANCE * hypot(*mask.shape))

    def near(points: set[tuple[int, int]], others: set[tuple[int, int]]) -> float:
        hits = [any((y - v) ** 2 + (x - u) ** 2 <= reach**2 for v, u in others) for y, x in points]
        return sum(hits) / len(hits)

    precision, recall = near(one, other), near(other, one)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(max_examples=25, deadline=None)
@given(MASKS, MASKS)
def test_they_are_what_loops_over_all_pixels_give(mask: HardMask, truth: HardMask) -> None:
    assert set(zip(*(axis.tolist() for axis in np.nonzero(contour(mask))), strict=True)) == slow_contour(mask)
    assert contour_accuracy(mask, truth) == pytest.approx(slow_f(mask, truth))
    inside = sum(bool(a and b) for a, b in zip(mask.flat, truth.flat, strict=True))
    either = sum(bool(a or b) for a, b in zip(mask.flat, truth.flat, strict=True))
    assert region_similarity(mask, truth) == pytest.approx(inside / either if either else 1)


@settings(max_examples=50, deadline=None)
@given(MASKS, MASKS)
def test_a_perfect_mask_has_1_and_masks_may_change_places(mask: HardMask, truth: HardMask) -> None:
    for measure in (region_similarity, contour_accuracy):
        assert measure(mask, mask) == 1
        assert measure(mask, truth) == pytest.approx(measure(truth, mask))
        assert 0 <= measure(mask, truth) <= 1


@pytest.mark.parametrize(("shift", "right"), [(0, True), (4, True), (9, False)])
def test_a_contour_may_be_off_by_less_than_a_hundredth(shift: int, right: bool) -> None:
    """480 x 854 px: the tolerance is ceil(7.84) = 8 px."""
    mask = np.zeros((480, 854), bool)
    mask[100:300, 200:500] = True
    moved = np.roll(mask, shift, axis=1)
    found = contour_accuracy(moved, mask)
    assert (found == 1) is right
    if not right:
        assert 0.3 < found < 0.9  # the sides are lost, most of top and bottom is not
    assert region_similarity(moved, mask) == pytest.approx((300 - shift) / (300 + shift))


def test_empty_masks() -> None:
    empty, some = np.zeros((30, 40), bool), blobs(1, 30, 40)
    assert (region_similarity(empty, empty), contour_accuracy(empty, empty)) == (1, 1)
    for pair in ((empty, some), (some, empty)):
        assert (region_similarity(*pair), contour_accuracy(*pair)) == (0, 0)
    full = np.ones((30, 40), bool)
    assert not contour(full).any()  # the picture's border is no contour


def test_statistics_by_hand() -> None:
    found = statistics(np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]))
    # ends 1, 2.75, 4.5, 6.25, 8 round to 1, 3, 4, 6, 8 (half to even): frames 1-3 against 6-8
    assert found.mean == pytest.approx(0.55)
    assert found.recall == 0.5
    assert found.decay == pytest.approx(0.8 - 0.3)
    assert statistics(np.array([0.5])) == (0.5, 0.0, 0.0)
