"""Artificial frames around photos: every border prior would take one for the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from maskgen.types import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB

FRAME_BAND_PX = 30
FRAME_DENSITY = 0.6
FRAME_SPREAD = 12.0  # standard deviation, gray levels, up to which JPEG noise still counts as one color


def find_frame(image: RGB) -> Box:
    """Find the picture inside a white, black or colored frame (the rule of the RBD release, CVPR 2014).

    A side has a frame where one of its outer 30 lines is an edge on more than 60 % of its length; the
    innermost such line is the frame's last. When any side has one, the sides without get the widest width
    found. Deviations: where everything outside is of one color, a line counts together with the next one,
    because thinning leaves the edge pixels of a crisp step now on one side of it and now on the other; the
    release's rule misses half of crisp 10 px frames for that. And the band is at most a quarter of its side,
    so that small photos keep at least their inner half.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        The box inside the frame; the whole image when there is none.

    Example:
        >>> from maskgen.methods.priors.frame import find_frame
        >>> import numpy as np
        >>> photo = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
        >>> photo[:10] = photo[-10:] = photo[:, :10] = photo[:, -10:] = 0
        >>> find_frame(photo)
        Box(y0=10, x0=10, y1=90, x1=110)
    """
    height, width = image.shape[:2]
    edges = sobel_edges(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))
    bands = [min(FRAME_BAND_PX, side // 4) for side in (height, width, height, width)]
    found = []
    for turns, band in enumerate(bands):  # top, left, bottom, right, each turned upwards
        found.append(_frame_width(np.rot90(edges, -turns)[: band + 1], np.rot90(image, -turns)[:band]))
    widest = max(found)
    top, left, bottom, right = (min(own or widest, band) for own, band in zip(found, bands, strict=True))
    return Box(top, left, height - bottom, width - right)


def sobel_edges(gray: NDArray[Any]) -> NDArray[np.bool_]:
    """Thin Sobel edges of an (H, W) uint8 image, as MATLAB's `edge(gray, 'sobel')` defines them.

    An edge's squared gradient is above four times the image's mean and is a local maximum along the axis of
    the larger component. Pixels of the outermost ring are never edges.

    Returns:
        (H, W) bool.

    Example:
        >>> from maskgen.methods.priors.frame import sobel_edges
        >>> import numpy as np
        >>> gray = np.zeros((5, 6), np.uint8)
        >>> gray[:, 3:] = 200
        >>> sobel_edges(gray)[2].astype(int).tolist()
        [0, 0, 0, 0, 0, 0]
    """
    gx = cv2.Sobel(gray, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE)
    gy = cv2.Sobel(gray, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE)
    strength = gx * gx + gy * gy
    center = strength[1:-1, 1:-1]
    across_x = (strength[1:-1, :-2] <= center) & (center > strength[1:-1, 2:])
    across_y = (strength[:-2, 1:-1] <= center) & (center > strength[2:, 1:-1])
    ax, ay = np.abs(gx[1:-1, 1:-1]), np.abs(gy[1:-1, 1:-1])
    edges = np.zeros(gray.shape, np.bool_)
    edges[1:-1, 1:-1] = (center > 4 * strength.mean()) & (((ax >= ay) & across_x) | ((ay >= ax) & across_y))
    return edges


def _frame_width(edges: NDArray[np.bool_], pixels: RGB) -> int:
    """Lines up to the innermost edge of a band, 0 if none; `edges` starts outside and has one line more."""
    alone = edges[:-1].mean(axis=1) > FRAME_DENSITY
    with_next = (edges[:-1] | edges[1:]).mean(axis=1) > FRAME_DENSITY
    candidates = np.flatnonzero(with_next)
    return max((int(i) + 1 for i in candidates if alone[i] or _plain(pixels[: max(1, i)])), default=0)


def _plain(lines: RGB) -> bool:
    return bool(lines.std(axis=(0, 1)).max() < FRAME_SPREAD)
