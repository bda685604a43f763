"""The eight variants of a labeled photo: its foreground and its background together, apart, and exchanged.

Xiao, Engstrom, Ilyas, Madry: Noise or Signal: The Role of Image Backgrounds in Object Recognition, ICLR 2021,
https://arxiv.org/abs/2006.09994 (ImageNet-9, section 2 and table 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..backgrounds import tiled
from ..io.images.encode import resize_mask
from ..shards.sample import hard_mask
from ..types import RGB, Box, HardMask

MIXED = ("mixed_same", "mixed_rand", "mixed_next")
"""Variants that stand on another photo's background."""
VARIANTS = ("original", "only_bg_b", "only_bg_t", "no_fg", "only_fg", *MIXED)
"""Named as the folders of ImageNet-9."""
_HALF = 128


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A square photo taken apart.

    Args:
        image: (S, S, 3) uint8 RGB.
        mask: (S, S) bool, True is foreground.
        background: (S, S, 3) uint8 RGB, the photo with `box` covered by repeats of a strip beside it.
        box: around the foreground, px of the square.
    """

    image: RGB
    mask: HardMask
    background: RGB
    box: Box


def take_apart(photo: RGB, stored: NDArray[np.uint8], level: int, side: int) -> Scene:
    """The central square of a photo, its foreground and its background.

    The background is made of the whole photo, then all is cut and resized alike (averaged where it shrinks).

    Deviations from the authors' script: the foreground is the mask's, not GrabCut's; the box is the mask's,
    grown as `backgrounds.tiled` grows it, not an annotation's; the strip is the one that `tiled` chooses.

    Args:
        photo: (H, W, 3) uint8 RGB.
        stored: (h, w) uint8, the soft mask of the whole photo at any size.
        level: its smallest value, 1..255, that counts as foreground.
        side: S, px.

    Example:
        >>> from maskgen.challenge.variants import take_apart
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), 40, np.uint8)
        >>> photo[20:40, 30:50] = 200
        >>> scene = take_apart(photo, photo[..., 0], 128, 60)
        >>> scene.image.shape, int(scene.mask.sum()), int(scene.background.max()), scene.box
        ((60, 60, 3), 400, 40, Box(y0=14, x0=14, y1=46, x1=46))
    """
    height, width = photo.shape[:2]
    hard = hard_mask(stored, level, (height, width))
    filled = tiled(photo, hard, stored)
    square = central_square((height, width))
    rows, columns = slice(square.y0, square.y1), slice(square.x0, square.x1)
    mask = resize_mask(np.where(hard[rows, columns], np.uint8(255), np.uint8(0)), (side, side)) >= _HALF
    return Scene(
        _resize(photo[rows, columns], side),
        mask,
        _resize(filled.image[rows, columns], side),
        _move(filled.region, square, side),
    )


def central_square(size: tuple[int, int]) -> Box:
    """The largest square in the middle of (height, width), px.

    Example:
        >>> from maskgen.challenge.variants import central_square
        >>> central_square((60, 81))
        Box(y0=0, x0=10, y1=60, x1=70)
    """
    length = min(size)
    y0, x0 = (size[0] - length) // 2, (size[1] - length) // 2
    return Box(y0, x0, y0 + length, x0 + length)


def render(variant: str, scene: Scene, background: RGB | None = None) -> RGB:
    """A variant of a photo, (S, S, 3) uint8 RGB.

    | variant | picture |
    |---|---|
    | ``original`` | the photo |
    | ``only_bg_b`` | with the foreground's box black |
    | ``only_bg_t`` | with the foreground's box covered by background |
    | ``no_fg`` | with the foreground black, so that its outline is left |
    | ``only_fg`` | with all but the foreground black |
    | ``mixed_same``, ``mixed_rand``, ``mixed_next`` | the foreground on `background` |

    Args:
        variant: one of `VARIANTS`.
        scene: the photo.
        background: (S, S, 3) uint8 RGB, ``only_bg_t`` of another photo; for the mixed variants only.

    Raises:
        ValueError: a mixed variant without a background.

    Example:
        >>> from maskgen.challenge.variants import VARIANTS, render, take_apart
        >>> import numpy as np
        >>> photo = np.full((40, 40, 3), 40, np.uint8)
        >>> photo[18:22, 18:22] = 200
        >>> scene = take_apart(photo, photo[..., 0], 128, 40)
        >>> [int(render(name, scene)[20, 20, 0]) for name in VARIANTS[:5]]
        [200, 0, 40, 0, 200]
    """
    if variant in MIXED:
        if background is None:
            raise ValueError(f"{variant} needs a background")
        return np.where(scene.mask[..., None], scene.image, background)
    if variant == "only_bg_b":
        picture = scene.image.copy()
        picture[scene.box.y0 : scene.box.y1, scene.box.x0 : scene.box.x1] = 0
        return picture
    kept = {"no_fg": ~scene.mask, "only_fg": scene.mask}.get(variant)
    if kept is not None:
        return scene.image * kept[..., None]
    return scene.background if variant == "only_bg_t" else scene.image


def _resize(picture: RGB, side: int) -> RGB:
    if picture.shape[:2] == (side, side):
        return np.ascontiguousarray(picture)
    kernel = cv2.INTER_AREA if side < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=kernel), np.uint8)


def _move(box: Box, square: Box, side: int) -> Box:
    """A box of the photo in px of the resized square, rounded outward; all zero outside of it."""
    scale = side / (square.y1 - square.y0)
    y0, x0 = (
        max(0, math.floor((edge - first) * scale))
        for edge, first in ((box.y0, square.y0), (box.x0, square.x0))
    )
    y1, x1 = (
        min(side, math.ceil((edge - first) * scale))
        for edge, first in ((box.y1, square.y0), (box.x1, square.x0))
    )
    return Box(y0, x0, y1, x1) if y1 > y0 and x1 > x0 else Box(0, 0, 0, 0)
