"""A mask at its photo's size: a little stretched at most, never turned or cropped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.evaluation.reading import has_aspect
from maskgen.io.images.encode import resize_mask
from maskgen.types import SoftMask


class Found(NamedTuple):
    """A mask that was found.

    Args:
        levels: (h, w) uint8, 255 is foreground.
        made_for: (height, width) of the photo that it belongs to, px: that of the mask itself, unless shards
            hold it smaller or squeezed.
    """

    levels: NDArray[np.uint8]
    made_for: tuple[int, int]


def fit(found: Found, photo: tuple[int, int], stored: tuple[int, int]) -> SoftMask:
    """The mask at the size at which its photo is stored.

    Args:
        found: the mask.
        photo: (height, width) of the photo as it was decoded, px.
        stored: (height, width) at which it is stored, px.

    Returns:
        ``stored`` float32 in [0, 1].

    Raises:
        ImageFault: the mask is for a photo whose aspect ratio differs by more than 1 %.
    """
    if not has_aspect(found.made_for, photo):
        height, width = found.made_for
        raise ImageFault(
            "other-size", f"a mask of {width}x{height} px for a photo of {photo[1]}x{photo[0]} px"
        )
    mask: SoftMask = resize_mask(found.levels, stored).astype(np.float32) / np.float32(255)
    return mask
