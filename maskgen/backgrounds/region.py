"""What both background makers share: where the foreground lies, with a margin, and the last resort."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import RGB, Box, Filled, HardMask

MARGIN_SHARE = 0.01
MIN_MARGIN_PX = 2
EMPTY_COLOR = 127
"""The gray of a photo that is foreground all over."""


def margin_px(shape: tuple[int, ...]) -> int:
    """Pixels a mask grows by on each side: 1 % of the longer side, at least 2.

    A hard mask cuts a soft edge at its middle, and that edge is as wide as the photo is large.

    Args:
        shape: (H, W) or (H, W, 3).

    Example:
        >>> from maskgen.backgrounds.region import margin_px
        >>> margin_px((480, 640)), margin_px((30, 40))
        (6, 2)
    """
    return max(MIN_MARGIN_PX, round(MARGIN_SHARE * max(shape[:2])))


def mask_box(mask: HardMask) -> Box:
    """The box of the True pixels of an (H, W) bool mask; all zero when there are none.

    Example:
        >>> from maskgen.backgrounds.region import mask_box
        >>> import numpy as np
        >>> mask = np.zeros((6, 8), np.bool_)
        >>> mask[2:4, 3] = True
        >>> mask_box(mask)
        Box(y0=2, x0=3, y1=4, x1=4)
    """
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return Box(y, x, y + height, x + width) if width else Box(0, 0, 0, 0)


def grow_box(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    """A box grown by `margin` px on each side, clipped to an image of `shape`.

    Example:
        >>> from maskgen.backgrounds.region import grow_box
        >>> from maskgen.types import Box
        >>> grow_box(Box(2, 3, 4, 4), 3, (6, 8))
        Box(y0=0, x0=0, y1=6, x1=7)
    """
    height, width = shape[:2]
    y0, x0 = max(0, box.y0 - margin), max(0, box.x0 - margin)
    return Box(y0, x0, min(height, box.y1 + margin), min(width, box.x1 + margin))


def fill_region(mask: HardMask, seam_px: int = 0) -> Box:
    """The box that a background covers: the mask's, grown by `margin_px` and a seam; all zero without one.

    Example:
        >>> from maskgen.backgrounds.region import fill_region
        >>> import numpy as np
        >>> mask = np.zeros((60, 80), np.bool_)
        >>> mask[20:40, 30:50] = True
        >>> fill_region(mask)
        Box(y0=18, x0=28, y1=42, x1=52)
    """
    inner = mask_box(mask)
    return grow_box(inner, margin_px(mask.shape) + seam_px, mask.shape) if inner.area else inner


def grow_mask(mask: HardMask, margin: int) -> HardMask:
    """An (H, W) bool mask grown by `margin` px in each direction (a square structuring element).

    Example:
        >>> from maskgen.backgrounds.region import grow_mask
        >>> import numpy as np
        >>> mask = np.zeros((6, 8), np.bool_)
        >>> mask[3, 4] = True
        >>> int(grow_mask(mask, 1).sum())
        9
    """
    square = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return cv2.dilate(np.ascontiguousarray(mask).view(np.uint8), square).view(np.bool_)


def keep_photo(image: RGB) -> Filled:
    """The photo itself, for a mask without foreground.

    Example:
        >>> from maskgen.backgrounds.region import keep_photo
        >>> import numpy as np
        >>> keep_photo(np.zeros((6, 8, 3), np.uint8)).how
        'untouched'
    """
    return Filled(image, "untouched", Box(0, 0, 0, 0))


def mean_fill(image: RGB, mask: HardMask, region: Box) -> Filled:
    """The photo with `region` in one color: the mean of the background pixels, gray 127 when there are none.

    Example:
        >>> from maskgen.backgrounds.region import mean_fill
        >>> import numpy as np
        >>> from maskgen.types import Box
        >>> photo = np.full((6, 8, 3), 40, np.uint8)
        >>> filled = mean_fill(photo, np.zeros((6, 8), np.bool_), Box(0, 0, 2, 2))
        >>> filled.how, filled.image[0, 0].tolist()
        ('mean', [40, 40, 40])
    """
    background = np.ascontiguousarray(~mask).view(np.uint8)
    color = np.full(3, EMPTY_COLOR, np.uint8)
    if background.any():
        color = np.rint(cv2.mean(np.ascontiguousarray(image), mask=background)[:3]).astype(np.uint8)
    out = image.copy()
    inside = out[region.y0 : region.y1, region.x0 : region.x1]
    inside[:1] = color
    inside[1:] = inside[:1]  # whole rows at a time: numpy is 30 x slower on three values
    return Filled(out, "mean", region)


def check_shapes(image: RGB, mask: HardMask) -> None:
    """Refuse a mask that does not belong to the photo.

    Raises:
        ValueError: the image is not (H, W, 3) uint8, or the mask is not (H, W) bool.

    Example:
        >>> from maskgen.backgrounds.region import check_shapes
        >>> import numpy as np
        >>> check_shapes(np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8), np.bool_))
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected an (H, W, 3) uint8 image, got {image.shape} {image.dtype}")
    if mask.shape != image.shape[:2] or mask.dtype != np.bool_:
        raise ValueError(f"expected a bool mask of {image.shape[:2]}, got {mask.shape} {mask.dtype}")
