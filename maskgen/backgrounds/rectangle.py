"""The largest rectangle of a photo that is free of foreground, in a fixed and small time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..types import Box, HardMask

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID = 32
"""Cells per side at most; a side of up to 32 px is searched exactly."""


def largest_free_rectangle(mask: HardMask) -> Box:
    """A box without any foreground pixel, as large as a search over a 32x32 grid finds.

    A cell counts as taken when it holds any foreground, so the best box of free cells is free in pixels as
    well; it is then widened to the last free row and column on each side (left, right, top, bottom). The area
    is at least that of the best free box shrunk by one cell (1/32 of the side) at each side; up to 32x32 px
    it is the best.

    Args:
        mask: (H, W) bool, True is foreground.

    Returns:
        The box in pixels of the mask; all zero when every cell holds foreground.

    Example:
        >>> from maskgen.backgrounds.rectangle import largest_free_rectangle
        >>> import numpy as np
        >>> mask = np.zeros((60, 80), np.bool_)
        >>> mask[:, 20:30] = True
        >>> largest_free_rectangle(mask)
        Box(y0=0, x0=30, y1=60, x1=80)
    """
    rows, columns = (_edges(length) for length in mask.shape)
    box = _largest_free_cells(_taken_cells(mask, rows, columns), rows, columns)
    return _widen(mask, box) if box.area else box


def _edges(length: int) -> NDArray[np.intp]:
    cells = min(length, GRID)
    return np.arange(cells + 1, dtype=np.intp) * length // cells


def _taken_cells(mask: HardMask, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> HardMask:
    sums = np.asarray(cv2.integral(np.ascontiguousarray(mask).view(np.uint8)), np.int32)
    corners = sums[np.ix_(rows, columns)]
    return np.diff(np.diff(corners, axis=0), axis=1) > 0


def _largest_free_cells(taken: HardMask, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Box:
    """The free box of largest pixel area between two grid rows and two grid columns; the first of equals."""
    above = np.zeros((len(rows), taken.shape[1]), np.int8)
    np.cumsum(taken, axis=0, out=above[1:])
    first, last = _row_pairs(len(rows))
    free = np.ascontiguousarray((above.take(first, axis=0) == above.take(last, axis=0)).T)
    right = columns[1:, None].astype(np.int32)
    # For each column and each pair of rows: where the run of free columns that ends here began.
    start = np.where(free, np.int32(0), right)
    for column in range(1, len(start)):  # four times as fast as maximum.accumulate
        np.maximum(start[column - 1], start[column], out=start[column])
    area = (right - start) * (rows[last] - rows[first]).astype(np.int32)
    pair = int(area.max(axis=0).argmax())
    column = int(area[:, pair].argmax())
    if area[column, pair] <= 0:
        return Box(0, 0, 0, 0)
    return Box(
        int(rows[first[pair]]), int(start[column, pair]), int(rows[last[pair]]), int(columns[column + 1])
    )


@lru_cache
def _row_pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The upper and the lower one of every two of `count` grid rows."""
    first, last = np.triu_indices(count, 1)
    return first, last


def _widen(mask: HardMask, box: Box) -> Box:
    y0, x0, y1, x1 = box
    x0 -= _free_run(np.logical_or.reduce(mask[y0:y1, :x0], axis=0)[::-1])
    x1 += _free_run(np.logical_or.reduce(mask[y0:y1, x1:], axis=0))
    y0 -= _free_run(np.logical_or.reduce(mask[:y0, x0:x1], axis=1)[::-1])
    y1 += _free_run(np.logical_or.reduce(mask[y1:, x0:x1], axis=1))
    return Box(y0, x0, y1, x1)


def _free_run(taken: HardMask) -> int:
    """Leading False values."""
    return int(taken.argmax()) if taken.any() else len(taken)
