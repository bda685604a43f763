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
_MIDDLE = 128
"""The foreground level of a threshold of one half."""
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
    """The small mask as lean samples have it: a third of the way to the hard one, and in `LEVELS`.

    A cell that an edge crosses says where it does so by the share of it that is foreground, whatever the
    values beside the edge are. With that share in it the mask, enlarged to the photo's size and cut, is more
    like the photo's own than the small mask is. Where the foreground level is not in the middle, the share
    would put edges elsewhere, and the levels are those of the small mask. No cell changes sides.

    Args:
        mask: (H, W) uint8.
        level: smallest value, 1..255, that counts as foreground.

    Returns:
        (128, 128) uint8.

    Example:
        >>> import numpy as np
        >>> from maskgen.shards.coverage import lean_mask
        >>> np.unique(lean_mask(np.array([[3, 127], [128, 250]], np.uint8), 128))
        array([  0,  85, 170, 255], dtype=uint8)
    """
    small = small_mask(mask)
    if level == _MIDDLE:
        hard = cv2.threshold(mask, level - 1, 255, cv2.THRESH_BINARY)[1]
        share = small_mask(np.asarray(hard, np.uint8))
        mixed = np.rint(cv2.addWeighted(small, 2 / 3, share, 1 / 3, 0, dtype=cv2.CV_32F)).astype(np.uint8)
        small = np.where(small >= level, np.maximum(mixed, level), np.minimum(mixed, level - 1))
    rounded: NDArray[np.uint8] = _rounding(level)[small]
    return rounded


@cache
def _rounding(level: int) -> NDArray[np.uint8]:
    """(256,) the nearest of `LEVELS` on the same side of the foreground level."""
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
