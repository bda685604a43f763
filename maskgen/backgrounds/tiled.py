"""The tiled background: a strip of the photo beside the object, repeated over the object's box.

Xiao, Engstrom, Ilyas, Madry: Noise or Signal: The Role of Image Backgrounds in Object Recognition, ICLR 2021
(Only-BG-T). Ryali et al. and CAST make the backgrounds of their augmentations this way.
"""

from __future__ import annotations

import math

from ..types import RGB, Box, Filled, HardMask
from .rectangle import largest_free_rectangle
from .region import check_shapes, fill_region, grow_mask, keep_photo, margin_px, mean_fill

MIN_STRIP_PX = 8
MIN_STRIP_SHARE = 0.04
MIN_RECTANGLE_PX = 4


def tiled(image: RGB, mask: HardMask) -> Filled:
    """The photo with its foreground's box covered by repeats of a background strip.

    The box is the mask's, grown by `region.margin_px` (1 % of the longer side, at least 2 px) and clipped.
    The strip lies beside it over the full height (left, right) or the full width (above, below): the
    direction with the larger strip, above or below when equal; in it the wider side, left or top when equal.
    Repeats start at the photo's corner, so a strip continues its own rows or columns.

    Deviations from the authors' script: the box is the mask's, not an annotation's, and grown; where it finds
    no strip it drops the image. A strip thinner than 8 px or 4 % of its side is not used. `how` says what
    was: ``tiled-left``, ``tiled-right``, ``tiled-top``, ``tiled-bottom``; ``tiled-rectangle`` when both
    directions are too thin: the largest rectangle free of the grown mask; ``mean``, the background's mean
    color, when that is below 4 px; ``keep_photo``, the same array, for a mask without foreground.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool, True is foreground.

    Raises:
        ValueError: shapes or types do not fit.

    Example:
        >>> from maskgen.backgrounds.tiled import tiled
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), 40, np.uint8)
        >>> photo[20:40, 30:50] = 200
        >>> filled = tiled(photo, photo[..., 0] > 100)
        >>> filled.how, filled.region, int(filled.image.max())
        ('tiled-left', Box(y0=18, x0=28, y1=42, x1=52), 40)
    """
    check_shapes(image, mask)
    region = fill_region(mask)
    if not region.area:
        return keep_photo(image)
    how, tile = widest_strip(region, image.shape)
    if not how:
        tile = largest_free_rectangle(grow_mask(mask, margin_px(image.shape)))
        how = "tiled-rectangle"
        if min(tile.y1 - tile.y0, tile.x1 - tile.x0) < MIN_RECTANGLE_PX:
            return mean_fill(image, mask, region)
    out = image.copy()
    repeat(image, tile, out, region)
    return Filled(out, how, region)


def widest_strip(region: Box, shape: tuple[int, ...]) -> tuple[str, Box]:
    """The strip beside `region` and its slug; an empty slug when both directions are too thin.

    Args:
        region: the box to cover.
        shape: (H, W, ...) of the photo.

    Example:
        >>> from maskgen.backgrounds.tiled import widest_strip
        >>> from maskgen.types import Box
        >>> widest_strip(Box(10, 50, 40, 70), (60, 80, 3))
        ('tiled-left', Box(y0=0, x0=0, y1=60, x1=50))
    """
    height, width = shape[:2]
    left, right, top, bottom = region.x0, width - region.x1, region.y0, height - region.y1
    beside = ("tiled-left", Box(0, 0, height, left)), ("tiled-right", Box(0, region.x1, height, width))
    stacked = ("tiled-top", Box(0, 0, top, width)), ("tiled-bottom", Box(region.y1, 0, height, width))
    across = (max(left, right), width, beside[right > left])
    down = (max(top, bottom), height, stacked[bottom > top])
    order = (across, down) if across[0] * height > down[0] * width else (down, across)
    for thickness, side, strip in order:
        if thickness >= max(MIN_STRIP_PX, math.ceil(MIN_STRIP_SHARE * side)):
            return strip
    return "", Box(0, 0, 0, 0)


def repeat(image: RGB, tile: Box, out: RGB, region: Box) -> None:
    """Fill `region` of `out` with `tile` of `image`, repeated from the photo's corner (0, 0).

    One tile is copied in at most four pieces and then doubled, so a small tile costs no loop over its
    repeats.

    Args:
        image: (H, W, 3) uint8 RGB, read.
        tile: box in `image`, not empty.
        out: (H, W, 3) uint8 RGB, written; not the same memory as `image`.
        region: box in `out`.

    Example:
        >>> from maskgen.backgrounds.tiled import repeat
        >>> import numpy as np
        >>> from maskgen.types import Box
        >>> image = np.arange(4, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
        >>> out = np.zeros((1, 7, 3), np.uint8)
        >>> repeat(image, Box(0, 0, 1, 3), out, Box(0, 1, 1, 7))
        >>> out[0, :, 0].tolist()
        [0, 1, 2, 0, 1, 2, 0]
    """
    source = image[tile.y0 : tile.y1, tile.x0 : tile.x1]
    target = out[region.y0 : region.y1, region.x0 : region.x1]
    height, width = source.shape[:2]
    for rows, tile_rows in _pieces(region.y0 % height, height, target.shape[0]):
        for columns, tile_columns in _pieces(region.x0 % width, width, target.shape[1]):
            target[rows, columns] = source[tile_rows, tile_columns]
    _double(target[:height].swapaxes(0, 1), width)
    _double(target, height)


def _pieces(phase: int, period: int, length: int) -> list[tuple[slice, slice]]:
    """(target, source) slices of one period that begins at `phase`, cut at `length`."""
    first = min(period - phase, length)
    rest = min(phase, length - first)
    return [(slice(0, first), slice(phase, phase + first)), (slice(first, first + rest), slice(0, rest))]


def _double(target: RGB, period: int) -> None:
    """Extend the first `period` lines of `target` periodically over all of it."""
    done = period
    while done < len(target):
        step = min(done, len(target) - done)
        target[done : done + step] = target[:step]
        done += step
