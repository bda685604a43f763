"""The free method: a centered box, so that a run measures everything but the method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from maskgen.types import RGB, SoftMask


def box(image: RGB) -> SoftMask:
    """Mark a centered box of half the height and half the width, whatever the photo shows.

    Args:
        image: (H, W, 3) uint8 RGB; only its shape is read.

    Returns:
        (H, W) float32: 1 inside rows H//4 .. H//4 + ceil(H/2) - 1 (columns alike), else 0; never empty.

    Example:
        >>> from maskgen.methods.priors.box import box
        >>> import numpy as np
        >>> box(np.zeros((4, 6, 3), np.uint8)).astype(int).tolist()
        [[0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    """
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.float32)
    top, left = height // 4, width // 4
    mask[top : top + (height + 1) // 2, left : left + (width + 1) // 2] = 1
    return mask
