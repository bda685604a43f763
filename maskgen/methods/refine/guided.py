"""Refinement by the guided filter (He, Sun and Tang, TPAMI 2013): soft edges that follow the photo's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..filters.guided import guided_upsample
from ..priors.scene import shrink

if TYPE_CHECKING:
    from maskgen.types import RGB, SoftMask

WORKING_SIDE_PX = 400
RADIUS = 8 / 400  # of the long side
REGULARISATION = 1e-4


def refine_guided(image: RGB, mask: SoftMask) -> SoftMask:
    """Write the mask as a locally linear function of the photo's color.

    Fitted at a long side of at most 400 px, applied at the photo's size. A mask that has a threshold keeps
    it.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) float32 in [0, 1].

    Returns:
        (H, W) float32 in [0, 1].

    Example:
        >>> from maskgen.methods.refine.guided import refine_guided
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> guess = np.zeros((60, 80), np.float32)
        >>> guess[22:42, 32:52] = 0.9
        >>> mask = refine_guided(photo, guess)
        >>> mask.shape, bool(mask[30, 40] > 0.5 > mask[5, 5])
        ((60, 80), True)
    """
    guide = shrink(image, WORKING_SIDE_PX)
    coarse = cv2.resize(mask, guide.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    radius = max(1, round(RADIUS * max(coarse.shape)))
    return guided_upsample(coarse, guide, image, radius, REGULARISATION)
