"""What a loader needs of a mask before it decodes anything: summed-area table, small mask, boxes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Box, HardMask, Label
from .naming import FORMAT_VERSION

GRID = 32
FG_SIDE = 128
SAT_SCALE = 65535
META_FIELDS = (
    "version", "height", "width", "fg_y0", "fg_x0", "fg_y1", "fg_x1",
    "free_y0", "free_x0", "free_y1", "free_x1", "label", "fg_area_ppm",
    "bg_y0", "bg_x0", "bg_y1", "bg_x1",
)  # fmt: skip


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


def foreground_box(mask: HardMask) -> Box:
    """The smallest box around the foreground of an (H, W) bool mask; zeros when there is none."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return Box(y, x, y + height, x + width) if width else Box(0, 0, 0, 0)


def pack_meta(
    size: tuple[int, int], foreground: Box, free: Box, label: Label, area: float, background: Box
) -> bytes:
    """The KEY.meta member: 17 little-endian int32, in the order of META_FIELDS.

    Args:
        size: (height, width) of the stored photo, px.
        foreground: box of the foreground, px.
        free: the largest rectangle without foreground, px.
        label: a class index; -1 is stored when there is none or several.
        area: share of foreground pixels in [0, 1], stored in parts per million.
        background: where KEY.bg.jpg lies on the photo, px; all zero without one.
    """
    single = label if isinstance(label, int) else -1
    values = [FORMAT_VERSION, *size, *foreground, *free, single, round(area * 1e6), *background]
    return np.asarray(values, "<i4").tobytes()


def unpack_meta(data: bytes) -> dict[str, int]:
    """The fields of a KEY.meta member by name.

    Raises:
        ValueError: not 17 int32.
    """
    return dict(zip(META_FIELDS, np.frombuffer(data, "<i4").tolist(), strict=True))
