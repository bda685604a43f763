"""What a loader needs of a mask before it decodes anything: summed-area table, small mask, foreground box."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Box, HardMask

GRID = 32
FG_SIDE = 128
SAT_SCALE = 65535
SPECKS = 0.01
"""The share of the photo below which a mask is hardly more than a few specks: the loader's `min_visible`."""
LEVELS = np.array([0, *range(34, 222, 17), 255], np.uint8)
"""(14,) the gray levels of a lean mask: sixteenths, but for those beside the ends.

A level there would cost the most bytes, for what is noise: 17 of 255 from black or from white.
"""


def summed_area_table(mask: HardMask) -> NDArray[np.uint16]:
    """Share of the foreground above and left of each grid line crossing.

    The integral of the mask is taken exactly at (GRID + 1)² equally spaced crossings of the whole image and
    scaled so that the last entry is 65535; an empty mask gives zeros.

    Args:
        mask: (H, W) bool.

    Returns:
        (33, 33) uint16.
    """
    height, width = mask.shape
    integral = np.asarray(cv2.integral(mask.view(np.uint8)), np.int32)
    total = int(integral[-1, -1])
    if not total:
        return np.zeros((GRID + 1, GRID + 1), np.uint16)
    rows = _at_lines(integral, height)
    table = _at_lines(rows.T, width).T
    return np.rint(table * (SAT_SCALE / total)).astype(np.uint16)


def _at_lines(integral: NDArray[np.int32] | NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Rows of an integral image at GRID + 1 equally spaced, possibly fractional positions."""
    position = np.arange(GRID + 1) * (length / GRID)
    low = np.minimum(position.astype(np.int64), length - 1)
    share = (position - low)[:, None]
    result: NDArray[np.float64] = integral[low] * (1 - share) + integral[low + 1] * share
    return result


def small_mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The (H, W) uint8 mask squeezed to (128, 128) uint8, each value the mean of its cell."""
    return np.asarray(cv2.resize(mask, (FG_SIDE, FG_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def lean_mask(mask: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    """The small mask in `LEVELS`, each value rounded to the nearest on its own side of the foreground level.

    Args:
        mask: (H, W) uint8.
        level: smallest value, 1..255, that counts as foreground; no cell changes sides.

    Returns:
        (128, 128) uint8.

    Example:
        >>> import numpy as np
        >>> from maskgen.shards.coverage import lean_mask
        >>> np.unique(lean_mask(np.array([[3, 127], [128, 250]], np.uint8), 128))
        array([  0, 119, 136, 255], dtype=uint8)
    """
    rounded: NDArray[np.uint8] = _rounding(level)[small_mask(mask)]
    return rounded


@cache
def _rounding(level: int) -> NDArray[np.uint8]:
    """(256,) what `lean_mask` makes of each value."""
    values = np.arange(256)
    nearest = np.abs(values[:, None] - LEVELS.astype(np.int64)).argmin(axis=1)
    first = int(np.searchsorted(LEVELS, level))
    numbers = np.where(values < level, np.minimum(nearest, first - 1), np.maximum(nearest, first))
    rounded: NDArray[np.uint8] = LEVELS[numbers]
    return rounded


def lean_table(table: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The (32, 32) part of a (33, 33) summed-area table that is not zero by its nature."""
    return table[1:, 1:]


def foreground_share(mask: HardMask) -> float:
    """Which share of an (H, W) bool mask is foreground, [0, 1]."""
    return int(np.count_nonzero(mask)) / mask.size


def state_share(share: float) -> float:
    """A share as JSON and table state it: six digits, as NumPy rounds them.

    Python's `round` gives another sixth digit where the share lies halfway between two, as 111993 / 240000.

    Example:
        >>> from maskgen.shards.coverage import state_share
        >>> state_share(111993 / 240000), round(111993 / 240000, 6)
        (0.466638, 0.466637)
    """
    return float(np.round(share, 6))


def foreground_box(mask: HardMask) -> Box:
    """The smallest box around the foreground of an (H, W) bool mask; zeros when there is none."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return Box(y, x, y + height, x + width) if width else Box(0, 0, 0, 0)
