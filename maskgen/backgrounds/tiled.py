"""The tiled background: a strip of the photo beside the object, repeated over the object's box.

Xiao, Engstrom, Ilyas, Madry: Noise or Signal: The Role of Image Backgrounds in Object Recognition, ICLR 2021
(Only-BG-T). Ryali et al. (section 2.2, BG_Random) and CAST make the backgrounds of their augmentations this
way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..types import RGB, Box, Filled, HardMask
from .choice import choose_rectangle, choose_strip
from .region import check_shapes, fill_region, grow_mask, keep_photo, margin_px, mean_fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEAM_SHARE = 0.02
MIN_SEAM_PX = 4


def tiled(image: RGB, mask: HardMask, saliency: NDArray[np.uint8] | None = None) -> Filled:
    """The photo with its foreground's box covered by repeats of a background strip.

    The box is the mask's, grown by `region.margin_px` (1 % of the longer side, at least 2 px) and `seam_px`
    (2 %, at least 4 px), and clipped. The strip lies beside it over the full height or the full width: the
    one with the least mean saliency, of equals the largest (`choice.choose_strip`). It is repeated as in
    mirrors, so that it goes on across the edge it shares with the box and no two repeats meet in a seam; over
    the outermost `seam_px` of the box the photo passes into it.

    Deviations from the authors' script: the box is the mask's, not an annotation's, and grown; it repeats the
    largest strip whatever is on it, from the photo's corner, unmirrored and with hard edges, where a network
    finds the object's place on more photos (see docs/benchmarks.md); where it finds no strip it drops the
    image. A strip thinner than 8 px or 4 % of its side is not used. `how` says what was: ``tiled-left``,
    ``tiled-right``, ``tiled-top``, ``tiled-bottom``; ``tiled-rectangle`` when all are too thin: a rectangle
    free of the grown mask (`choice.choose_rectangle`); ``mean``, the background's mean color, when that is
    below 4 px; ``keep_photo``, the same array, for a mask without foreground.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool, True is foreground.
        saliency: (h, w) uint8, the soft mask of the whole photo at any size; None: only sizes decide.

    Raises:
        ValueError: shapes or types do not fit.

    Example:
        >>> from maskgen.backgrounds.tiled import tiled
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), 40, np.uint8)
        >>> photo[20:40, 30:50] = 200
        >>> filled = tiled(photo, photo[..., 0] > 100)
        >>> filled.how, filled.region, int(filled.image.max())
        ('tiled-left', Box(y0=14, x0=24, y1=46, x1=56), 40)
    """
    check_shapes(image, mask)
    region = fill_region(mask, seam_px(image.shape))
    if not region.area:
        return keep_photo(image)
    tile = choose_strip(region, image.shape, saliency)
    if tile is None:
        tile = choose_rectangle(grow_mask(mask, margin_px(image.shape)), saliency)
    if tile is None:
        return mean_fill(image, mask, region)
    return Filled(cover(image, tile.box, region), tile.how, region)


def seam_px(shape: Sequence[int]) -> int:
    """Pixels over which the photo passes into its repeats: 2 % of the longer side, at least 4.

    Args:
        shape: (H, W) or (H, W, 3).

    Example:
        >>> from maskgen.backgrounds.tiled import seam_px
        >>> seam_px((480, 640)), seam_px((30, 40))
        (13, 4)
    """
    return max(MIN_SEAM_PX, round(SEAM_SHARE * max(shape[:2])))


def cover(photo: RGB, tile: Box, region: Box, window: Box | None = None) -> RGB:
    """A copy of the photo with `region` covered by repeats of `tile`, mirrored about the tile's own edges.

    Args:
        photo: (H, W, 3) uint8 RGB.
        tile: box in the photo, not empty.
        region: box in the photo; its edges are feathered over `seam_px`, save at the photo's borders.
        window: the part of the result to make, a box in the photo; None: the whole.

    Returns:
        (h, w, 3) uint8, of the window's size.

    Example:
        >>> from maskgen.backgrounds.tiled import cover
        >>> import numpy as np
        >>> from maskgen.types import Box
        >>> photo = np.arange(30, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
        >>> cover(photo, Box(0, 0, 1, 10), Box(0, 10, 1, 30))[0, 14:, 0].tolist()
        [5, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    whole = Box(0, 0, *photo.shape[:2])
    window = window or whole
    out = _part(photo, window, whole).copy()
    shown = _overlap(region, window)
    if shown.area:
        over = _part(out, shown, window)
        over[:] = _repeats(photo, tile, shown)
        _feather(photo, over, region, shown)
    return out


def _repeats(photo: RGB, tile: Box, shown: Box) -> RGB:
    """What repeats of `tile` show in the box `shown`.

    Along a side on which the tile reaches over all of it only these lines of the tile are looked at. Mostly
    that leaves one mirror image of what lies beside it.
    """
    beside = _mirror(tile, shown)
    if beside is not None:
        return np.asarray(cv2.flip(_part(photo, beside[0], Box(0, 0, *photo.shape[:2])), beside[1]), np.uint8)
    y0, y1 = (shown.y0, shown.y1) if tile.y0 <= shown.y0 and shown.y1 <= tile.y1 else (tile.y0, tile.y1)
    x0, x1 = (shown.x0, shown.x1) if tile.x0 <= shown.x0 and shown.x1 <= tile.x1 else (tile.x0, tile.x1)
    above, left = max(0, y0 - shown.y0), max(0, x0 - shown.x0)
    below, right = max(0, shown.y1 - y1), max(0, shown.x1 - x1)
    repeats = cv2.copyMakeBorder(photo[y0:y1, x0:x1], above, below, left, right, cv2.BORDER_REFLECT)
    grown = Box(y0 - above, x0 - left, y1 + below, x1 + right)
    return _part(np.asarray(repeats, np.uint8), shown, grown)


def _mirror(tile: Box, shown: Box) -> tuple[Box, int] | None:
    """The box inside `tile` whose mirror image is all that its repeats show in `shown`, and cv2.flip's code.

    None where they show more than one, or no mirror image.
    """
    if tile.y0 <= shown.y0 and shown.y1 <= tile.y1:
        edge = tile.x1 if shown.x0 >= tile.x1 else tile.x0
        x0, x1 = 2 * edge - shown.x1, 2 * edge - shown.x0
        if tile.x0 <= x0 and x1 <= tile.x1:
            return Box(shown.y0, x0, shown.y1, x1), 1
    if tile.x0 <= shown.x0 and shown.x1 <= tile.x1:
        edge = tile.y1 if shown.y0 >= tile.y1 else tile.y0
        y0, y1 = 2 * edge - shown.y1, 2 * edge - shown.y0
        if tile.y0 <= y0 and y1 <= tile.y1:
            return Box(y0, shown.x0, y1, shown.x1), 0
    return None


def _feather(photo: RGB, over: RGB, region: Box, shown: Box) -> None:
    """Let the photo pass into what covers `region`, over the outermost `seam_px` of it.

    `over` is what covers it in the box `shown`.
    """
    seam = seam_px(photo.shape)
    height, width = region.y1 - region.y0, region.x1 - region.x0
    above, below, left, right = _inner_sides(region, photo.shape)
    rows = _ramp(height, seam, starts=above, ends=below)
    columns = _ramp(width, seam, starts=left, ends=right)
    top, bottom = region.y0 + min(seam, height) * above, region.y1 - min(seam, height) * below
    start, end = region.x0 + min(seam, width) * left, region.x1 - min(seam, width) * right
    bottom, end = max(top, bottom), max(start, end)
    for frame in (  # the frame alone, and no side of the photo's own: the middle is the repeats'
        Box(region.y0, region.x0, top, region.x1),
        Box(bottom, region.x0, region.y1, region.x1),
        Box(top, region.x0, bottom, start),
        Box(top, end, bottom, region.x1),
    ):
        part = _overlap(frame, shown)
        if part.area:
            share = np.minimum.outer(
                rows[part.y0 - region.y0 : part.y1 - region.y0],
                columns[part.x0 - region.x0 : part.x1 - region.x0],
            )
            upper, under = _part(over, part, shown), _part(photo, part, Box(0, 0, *photo.shape[:2]))
            upper[:] = cv2.blendLinear(upper, under, share, 1 - share)


def _overlap(one: Box, other: Box) -> Box:
    """Where two boxes overlap; of no area where they do not."""
    return Box(max(one.y0, other.y0), max(one.x0, other.x0), min(one.y1, other.y1), min(one.x1, other.x1))


def _part(picture: RGB, box: Box, window: Box) -> RGB:
    """The part of a picture that shows `window` which shows `box`, not copied."""
    return picture[box.y0 - window.y0 : box.y1 - window.y0, box.x0 - window.x0 : box.x1 - window.x0]


def _inner_sides(region: Box, shape: Sequence[int]) -> tuple[bool, bool, bool, bool]:
    """Whether a region ends inside the photo: above, below, to the left, to the right."""
    return region.y0 > 0, region.y1 < shape[0], region.x0 > 0, region.x1 < shape[1]


@lru_cache(maxsize=4096)
def _ramp(length: int, seam: int, *, starts: bool, ends: bool) -> NDArray[np.float32]:
    """For each of `length` lines the share of what covers it: from 0 to 1 over `seam` lines, smoothly."""
    rise = (np.arange(min(seam, length), dtype=np.float32) + np.float32(0.5)) / np.float32(seam)
    share = np.ones(length, np.float32)
    if starts:
        share[: len(rise)] = rise
    if ends:
        last = share[length - len(rise) :]
        np.minimum(last, rise[::-1], out=last)
    smooth: NDArray[np.float32] = share * share * (3 - 2 * share)
    smooth.flags.writeable = False  # it is kept
    return smooth
