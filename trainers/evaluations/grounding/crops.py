"""What Grad-CAM is asked on: two crops of a photo, query and key, with their masks."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskgen.types import RGB, HardMask

CROPS = ("random", "whole")
LEAST = 0.2
"""Share of the foreground that a crop holds: phi of CAST, section 3.1."""
_SCALE, _RATIO, _TRIES = (0.2, 1.0), (3 / 4, 4 / 3), 10

Box = tuple[float, float, float, float]


class Crop(NamedTuple):
    """A square of a photo.

    Args:
        picture: (S, S, 3) uint8 RGB.
        mask: (S, S) bool, its foreground.
    """

    picture: RGB
    mask: HardMask


def crop_pair(
    photo: RGB, mask: HardMask, side: int, kind: str, rng: np.random.Generator
) -> tuple[Crop, Crop]:
    """Query and key of a photo.

    CAST's crops (https://arxiv.org/abs/2012.04630, section 3.1): area 0.2 to 1, ratio 3/4 to 4/3, holding at
    least `LEAST` of the foreground, ten tries, then the whole. No flip: one does not change where a network
    looks.

    Args:
        photo: (H, W, 3) uint8.
        mask: (H, W) bool.
        side: S, px.
        kind: ``random``: two crops; ``whole``: the whole photo, squeezed to a square, is both.
        rng: what crops are drawn by.
    """
    if kind == "whole":
        whole = _cut(photo, mask, (0.0, 0.0, float(photo.shape[1]), float(photo.shape[0])), side)
        return whole, whole
    summed = np.pad(mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    boxes = [_draw_box(summed, rng) for _ in range(2)]
    query, key = (_cut(photo, mask, box, side) for box in boxes)
    return query, key


def _draw_box(summed: NDArray[np.int64], rng: np.random.Generator) -> Box:
    """(left, top, right, bottom) in whole px, of a mask's (H + 1, W + 1) table of sums."""
    height, width = summed.shape[0] - 1, summed.shape[1] - 1
    least = LEAST * int(summed[-1, -1])
    for _ in range(_TRIES):
        area = rng.uniform(*_SCALE) * height * width
        ratio = exp(rng.uniform(log(_RATIO[0]), log(_RATIO[1])))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if not (0 < w <= width and 0 < h <= height):
            continue
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        held = summed[y + h, x + w] - summed[y, x + w] - summed[y + h, x] + summed[y, x]
        if held >= least:
            return float(x), float(y), float(x + w), float(y + h)
    return 0.0, 0.0, float(width), float(height)


def _cut(photo: RGB, mask: HardMask, box: Box, side: int) -> Crop:
    """Resized with antialiasing; a pixel is foreground where at least half of what it shows is."""
    bilinear = Image.Resampling.BILINEAR
    levels = Image.fromarray(mask.astype(np.uint8) * 255)
    picture = np.asarray(Image.fromarray(photo).resize((side, side), bilinear, box=box))
    return Crop(picture, np.asarray(levels.resize((side, side), bilinear, box=box)) >= 128)
