"""What the samples of a data set may say of themselves: KEY.meta is not believed before it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.io.images.stored import MAX_PIXELS
from maskgen.shards import naming, patch
from maskgen.shards.manifest import Manifest
from maskgen.shards.meta import UNKNOWN, Meta
from maskgen.types import Box

MAX_SIDE = 65_535
"""The longest side that a JPEG can have, px."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Caps on a data set's photos, and where its backgrounds may lie.

    A seal proves that a manifest is whole, not that it is honest: whatever it allows, no photo above
    `MAX_PIXELS` is decoded.

    Args:
        version: of the shard format.
        max_pixels: height times width of a photo, px.
        max_side: its longer side, px.
        store: ``none``, ``full`` or ``patch``: what the samples hold of their backgrounds.
        background_side: short side of a whole background, px; 0 for the photo's.
    """

    version: int
    max_pixels: int
    max_side: int
    store: str
    background_side: int

    def hold(self, meta: Meta) -> NDArray[np.bool_]:
        """(B,) bool: whether each of the (B,) meta could have been written for a sample of this data set."""
        height, width = meta["size"].astype(np.int64).T
        sized = (height > 0) & (width > 0) & (height * width <= self.max_pixels)
        sized &= (height <= self.max_side) & (width <= self.max_side)
        boxed = _inside(meta, "fg_box") & _inside(meta, "free_box") & self._background_lies_right(meta)
        numbered = (meta["label"] >= -1) & (meta["fg_area_ppm"] >= 0) & (meta["fg_area_ppm"] <= _MILLION)
        known = self.version >= naming.CONFIDENCE_SINCE
        least, most = (0, _MILLION) if known else (UNKNOWN, UNKNOWN)
        numbered &= (meta["confidence_ppm"] >= least) & (meta["confidence_ppm"] <= most)
        return np.asarray((meta["version"] == self.version) & sized & boxed & numbered)

    def _background_lies_right(self, meta: Meta) -> NDArray[np.bool_]:
        box = meta["bg_box"]
        if self.store == "patch":
            return _inside(meta, "bg_box") & (box[:, 2] > box[:, 0])
        expected = np.zeros_like(box)
        if self.store == "full":
            expected[:, 2:] = meta["size"]
        return np.asarray((box == expected).all(axis=1))

    def picture_size(self, ext: str, meta: np.void) -> tuple[int, int]:
        """(height, width) that a sample's photo or background must have, px.

        Args:
            ext: which of them.
            meta: of the sample, whose values need not hold.
        """
        height, width = meta["size"].tolist()
        if ext == naming.PHOTO:
            return height, width
        return patch.stored_size(Box(*meta["bg_box"].tolist()), (height, width), self.background_side)


def _inside(meta: Meta, name: str) -> NDArray[np.bool_]:
    """(B,) bool: whether a box has an area and lies inside its photo, or is all zero."""
    (height, width), (y0, x0, y1, x1) = meta["size"].T, meta[name].T
    inside = (y0 >= 0) & (x0 >= 0) & (y1 > y0) & (x1 > x0) & (y1 <= height) & (x1 <= width)
    return np.asarray(inside | ~meta[name].any(axis=1))


def bounds_of(whole: Manifest) -> Bounds:
    """The bounds that a manifest states, within those of every data set."""
    options = whole.identity["options"]
    made = naming.BACKGROUND in whole.members
    return Bounds(
        version=whole.format,
        max_pixels=min(_whole_number(options, "max_pixels", MAX_PIXELS), MAX_PIXELS),
        max_side=min(_whole_number(options, "max_side", MAX_SIDE), MAX_SIDE),
        store=("patch" if options.get("background_store") == "patch" else "full") if made else "none",
        background_side=_whole_number(options, "background_side", 0),
    )


def _whole_number(options: dict[str, Any], name: str, default: int) -> int:
    value = options.get(name)
    return value if type(value) is int and value >= 0 else default
