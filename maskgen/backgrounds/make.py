"""One photo's background in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..config.suggest import nearest
from ..errors import UsageError
from .telea import telea
from .tiled import tiled

if TYPE_CHECKING:
    from ..types import RGB, Background, HardMask

BACKGROUNDS: dict[str, Background] = {"tiled": tiled, "telea": telea}
"""Every background maker by name."""


def make_background(background: str, image: RGB, mask: HardMask) -> RGB:
    """The photo without its foreground.

    Args:
        background: a name of `BACKGROUNDS`: ``tiled`` repeats a strip of the photo, ``telea`` paints the hole
            over.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool; True is foreground.

    Returns:
        (H, W, 3) uint8 RGB; the photo itself, the same array, where the mask has no foreground.

    Raises:
        UsageError: no such background; an image or a mask of another type or shape.

    Example:
        >>> from maskgen import make_background
        >>> import numpy as np
        >>> photo = np.full((40, 60, 3), 90, np.uint8)
        >>> photo[10:30, 20:40] = 200
        >>> int(make_background("tiled", photo, photo[..., 0] > 100).max())
        90
    """
    if background not in BACKGROUNDS:
        raise UsageError(
            f"unknown background {background!r}", remedy=nearest(str(background), list(BACKGROUNDS))
        )
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UsageError(f"a photo is an (H, W, 3) uint8 RGB array, not {_describe(image)}")
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise UsageError(
            f"a mask is an (H, W) bool array, not {_describe(mask)}",
            remedy="mask >= 0.5 makes one of a soft mask",
        )
    if mask.shape != image.shape[:2] or not mask.size:
        raise UsageError(f"the mask is {_describe(mask)} and the photo {_describe(image)}")
    return BACKGROUNDS[background](image, mask).image


def _describe(value: object) -> str:
    """Shape and type of an array, or the name of another type."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return f"a {type(value).__name__}"
