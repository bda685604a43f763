"""What the graph methods read from superpixels: color, place, and which touch the border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .sums import sum_over

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.types import RGB

    from .slic import Labels


def mean_lab(image: RGB, labels: Labels) -> NDArray[np.float64]:
    """CIELAB (D65) of each superpixel's mean sRGB: the mean is taken first, as the RBD and MR releases do.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) superpixels 0 .. N-1.

    Returns:
        (N, 3) float64: L in 0..100, a and b about -100..100.

    Example:
        >>> from maskgen.methods.superpixels.features import mean_lab
        >>> import numpy as np
        >>> mean_lab(np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2), np.int32)).round(1).tolist()
        [[100.0, 0.0, 0.0]]
    """
    mean = mean_over(image, labels) / 255
    lab: NDArray[np.float64] = cv2.cvtColor(mean.astype(np.float32)[:, None], cv2.COLOR_RGB2LAB)[:, 0].astype(
        np.float64
    )
    return lab


def mean_over(values: NDArray[Any], labels: Labels) -> NDArray[np.float64]:
    """Mean of an (H, W, C) array over each superpixel, (N, C) float64.

    Example:
        >>> from maskgen.methods.superpixels.features import mean_over
        >>> import numpy as np
        >>> mean_over(np.array([[[1.0], [3.0], [8.0]]]), np.array([[0, 0, 1]], np.int32)).tolist()
        [[2.0], [8.0]]
    """
    size = np.bincount(labels.ravel())[:, None]
    flat = values.reshape(-1, values.shape[2]).astype(np.float64, copy=False)
    return sum_over(flat, labels.ravel(), len(size)) / size


def mean_position(labels: Labels) -> NDArray[np.float64]:
    """Centroid of each superpixel, (N, 2) float64: row/H and column/W, each in [0, 1).

    Example:
        >>> from maskgen.methods.superpixels.features import mean_position
        >>> import numpy as np
        >>> mean_position(np.array([[0, 0, 1, 1]], np.int32)).shape
        (2, 2)
    """
    return mean_over(positions(*labels.shape), labels)


def positions(height: int, width: int) -> NDArray[np.float64]:
    """Row/H and column/W of each pixel, (H, W, 2) float64 in [0, 1).

    Example:
        >>> from maskgen.methods.superpixels.features import positions
        >>> positions(1, 2).tolist()
        [[[0.0, 0.0], [0.0, 0.5]]]
    """
    places = np.empty((height, width, 2))
    places[..., 0] = (np.arange(height) / height)[:, None]
    places[..., 1] = np.arange(width) / width
    return places


def members(region: Labels, count: int) -> NDArray[np.bool_]:
    """Which of `count` superpixels have a pixel in `region`, a part of the labels: (N,) bool.

    Example:
        >>> from maskgen.methods.superpixels.features import members
        >>> import numpy as np
        >>> members(np.array([[0, 2]], np.int32), 3).tolist()
        [True, False, True]
    """
    return np.bincount(region.ravel(), minlength=count) > 0


def border_members(labels: Labels, count: int, band_px: int) -> NDArray[np.bool_]:
    """Which of `count` superpixels touch the outer `band_px` pixels of the image: (N,) bool.

    Example:
        >>> from maskgen.methods.superpixels.features import border_members
        >>> import numpy as np
        >>> labels = np.zeros((5, 5), np.int32)
        >>> labels[2, 2] = 1
        >>> border_members(labels, 2, 1).tolist()
        [True, False]
    """
    inner = np.ones(labels.shape, np.bool_)
    inner[:band_px] = inner[-band_px:] = inner[:, :band_px] = inner[:, -band_px:] = False
    return members(labels[~inner], count)
