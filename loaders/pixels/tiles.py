"""Tiled backgrounds made anew from the decoded photo, to save a decoding; see `backgrounds.tiled`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds.choice import choose_strip
from maskgen.backgrounds.region import grow_box, margin_px
from maskgen.backgrounds.tiled import cover, seam_px
from maskgen.types import RGB, Box


class Tiling(NamedTuple):
    """How a photo's foreground was covered.

    Args:
        region: the box that was covered, px of the photo.
        strip: the box beside it that was repeated over it.
    """

    region: Box
    strip: Box


def tiling(meta: np.void, small: NDArray[np.uint8]) -> Tiling | None:
    """How `backgrounds.tiled` covered the foreground of a photo with this `META`.

    None where it did anything else: no foreground, or no strip beside it.

    Args:
        meta: of the sample.
        small: (128, 128) uint8, `suspected` of its KEY.fg.
    """
    height, width = meta["size"].tolist()
    inner = Box(*meta["fg_box"].tolist())
    if not inner.area:
        return None
    shape = height, width
    region = grow_box(inner, margin_px(shape) + seam_px(shape), shape)
    found = choose_strip(region, shape, small)
    return Tiling(region, found.box) if found else None


def tile(photo: RGB, region: Box, strip: Box, window: Box | None = None) -> RGB:
    """A copy of an (H, W, 3) photo with repeats of `strip` over `region`, or what it shows in a window."""
    return cover(photo, strip, region, window)
