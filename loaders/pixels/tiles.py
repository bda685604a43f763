"""Tiled backgrounds made anew from the decoded photo, to save a decoding; see `backgrounds.tiled`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from maskgen.backgrounds.region import grow_box, margin_px
from maskgen.backgrounds.tiled import repeat, widest_strip
from maskgen.types import RGB, Box


class Tiling(NamedTuple):
    """How a photo's foreground was covered.

    Args:
        region: the box that was covered, px of the photo.
        strip: the box beside it that was repeated over it.
    """

    region: Box
    strip: Box


def tiling(meta: np.void) -> Tiling | None:
    """How `backgrounds.tiled` covered the foreground of a photo with this `META`.

    None where it did anything else: no foreground, or no strip beside it.
    """
    height, width = meta["size"].tolist()
    inner = Box(*meta["fg_box"].tolist())
    if not inner.area:
        return None
    region = grow_box(inner, margin_px((height, width)), (height, width))
    how, strip = widest_strip(region, (height, width))
    return Tiling(region, strip) if how else None


def tile(photo: RGB, region: Box, strip: Box) -> RGB:
    """A copy of an (H, W, 3) photo with repeats of `strip` over `region`."""
    whole = photo.copy()
    repeat(photo, strip, whole, region)
    return whole
