"""The free rectangle against an exact search, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from maskgen.backgrounds.rectangle import GRID, largest_free_rectangle
from maskgen.types import Box, HardMask


def exact_best(mask: HardMask) -> tuple[int, int, int]:
    """(area, height, width) of the truly largest free rectangle, by the histogram-and-stack algorithm."""
    best = (0, 0, 0)
    heights = [0] * mask.shape[1]
    for row in mask:
        heights = [0 if taken else h + 1 for taken, h in zip(row, heights, strict=True)]
        stack: list[tuple[int, int]] = []  # (first column, height), heights rising
        for x, h in enumerate([*heights, 0]):
            first = x
            while stack and stack[-1][1] >= h:
                first, top = stack.pop()
                best = max(best, (top * (x - first), top, x - first))
            stack.append((first, h))
    return best


def free(mask: HardMask, box: Box) -> bool:
    return not mask[box.y0 : box.y1, box.x0 : box.x1].any()


small_masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@pytest.mark.slow
@given(small_masks)
def test_up_to_32_px_it_is_the_largest(mask: HardMask) -> None:
    box = largest_free_rectangle(mask)
    assert free(mask, box)
    assert box.area == exact_best(mask)[0]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_above_32_px_it_is_free_maximal_and_near_the_largest(
    height: int, width: int, blobs: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    for _ in range(blobs):
        y, x = rng.integers(height), rng.integers(width)
        mask[y : y + rng.integers(1, height + 1), x : x + rng.integers(1, 12)] = True
    box = largest_free_rectangle(mask)
    assert free(mask, box)
    _, best_height, best_width = exact_best(mask)
    lost_y, lost_x = 2 * (-(-height // GRID) - 1), 2 * (-(-width // GRID) - 1)
    assert box.area >= max(0, best_height - lost_y) * max(0, best_width - lost_x)
    if box.area:
        for grown in (
            box._replace(y0=box.y0 - 1),
            box._replace(x0=box.x0 - 1),
            box._replace(y1=box.y1 + 1),
            box._replace(x1=box.x1 + 1),
        ):
            outside = min(grown.y0, grown.x0) < 0 or grown.y1 > height or grown.x1 > width
            assert outside or not free(mask, grown)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (375, 500), (3000, 2)])
def test_no_foreground_is_the_whole_photo_and_all_foreground_is_empty(shape: tuple[int, int]) -> None:
    assert largest_free_rectangle(np.zeros(shape, bool)) == Box(0, 0, *shape)
    assert largest_free_rectangle(np.ones(shape, bool)) == Box(0, 0, 0, 0)


def test_edges_are_exact_and_not_those_of_the_grid() -> None:
    mask = np.zeros((375, 500), bool)
    mask[101:263, 77:303] = True
    assert largest_free_rectangle(mask) == Box(0, 303, 375, 500)
    assert largest_free_rectangle(mask[:, ::-1]) == Box(0, 0, 375, 197)
