"""A mask as the fifth voter beside the four training-free priors.

What a network has learned and what this photo shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..priors.scene import prepare, restore
from ..priors.vote import fuse, prior_maps
from .crf import refine_crf

if TYPE_CHECKING:
    from maskgen.types import RGB, SoftMask


def refine_vote(image: RGB, mask: SoftMask, threshold: float = 0.5) -> SoftMask:
    """`vote`, with this mask as one voter more, and the CRF that follows it.

    Made for networks that were trained without labels (`maskgen deepusps`): their errors are not those of the
    priors. The mask has the weight of one prior. A mask whose threshold is not .5 is brought to it before,
    and back after.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) float32 in [0, 1].
        threshold: value of `mask` in (0, 1) from which a pixel is foreground; the result's, too.

    Returns:
        (H, W) float32 in [0, 1].

    Example:
        >>> from maskgen.methods.refine.vote import refine_vote
        >>> import numpy as np
        >>> photo = np.full((60, 80, 3), (90, 120, 90), np.uint8)
        >>> photo[20:40, 30:50] = (200, 60, 40)
        >>> guess = np.zeros((60, 80), np.float32)
        >>> guess[22:42, 32:52] = 0.9
        >>> mask = refine_vote(photo, guess)
        >>> mask.shape, bool(mask[30, 40] > 0.5 > mask[5, 5])
        ((60, 80), True)
    """
    scene = prepare(image)
    y0, x0, y1, x1 = scene.inside
    height, width = scene.working.shape[:2]
    even = np.interp(mask, (0, threshold, 1), (0, 0.5, 1)).astype(np.float32)
    voter = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)[y0:y1, x0:x1]
    fused = restore(scene, fuse(scene.image, np.stack([*prior_maps(scene), voter.astype(np.float64)])))
    refined = refine_crf(image, fused)
    return np.asarray(np.interp(refined, (0, 0.5, 1), (0, threshold, 1)), np.float32)
