"""Superpixels and what the graph methods read from them: colour, place, and which touch the border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from maskgen.types import RGB

Labels: TypeAlias = NDArray[np.int32]
"""(H, W) int32: each pixel's superpixel, 0 .. N-1, none empty."""

COMPACTNESS = 20
ITERATIONS = 10
MIN_SUPERPIXELS = 20


def segment(image: RGB, count: int) -> Labels:
    """SLIC superpixels (Achanta et al., TPAMI 2012) as the RBD and MR releases make them.

    Ten iterations, distance d_lab² + (20/S)² d_xy² with S² = HW/count, pieces below S²/4 merged. Lab is made here
    because scikit-image would first stretch the photo to its own [min, max], which the releases do not do, and
    OpenCV is faster at it. scikit-image divides what it gets by its range; the compactness is divided too.

    Args:
        image: (H, W, 3) uint8 RGB.
        count: superpixels asked for; fewer or more may come out. At least 20 are used, at most one per pixel.

    Returns:
        (H, W) int32 labels 0 .. N-1, none empty.
    """
    from skimage.segmentation import slic

    height, width = image.shape[:2]
    count = max(count, MIN_SUPERPIXELS)
    if count >= height * width:
        return np.arange(height * width, dtype=np.int32).reshape(height, width)
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    colour_range = max(float(lab.max() - lab.min()), 1e-3)
    labels = slic(
        lab,
        n_segments=count,
        compactness=COMPACTNESS / colour_range,
        max_num_iter=ITERATIONS,
        sigma=0,
        convert2lab=False,
        min_size_factor=0.25,
        start_label=0,
        channel_axis=2,
    )
    return _without_gaps(labels)


def _without_gaps(labels: NDArray[Any]) -> Labels:
    used = np.bincount(labels.ravel()) > 0
    renumbered: Labels = (np.cumsum(used, dtype=np.int32) - 1)[labels]
    return renumbered


def mean_lab(image: RGB, labels: Labels) -> NDArray[np.float64]:
    """CIELAB (D65) of each superpixel's mean sRGB: the mean is taken first, as the RBD and MR releases do.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) superpixels 0 .. N-1.

    Returns:
        (N, 3) float64: L in 0..100, a and b about -100..100.
    """
    flat = labels.ravel()
    sums = np.stack([np.bincount(flat, image[..., c].ravel()) for c in range(3)], axis=1)
    mean = sums / (255 * np.bincount(flat)[:, None])
    lab: NDArray[np.float64] = cv2.cvtColor(mean.astype(np.float32)[:, None], cv2.COLOR_RGB2LAB)[:, 0].astype(
        np.float64
    )
    return lab


def mean_position(labels: Labels) -> NDArray[np.float64]:
    """Centroid of each superpixel, (N, 2) float64: row/H and column/W, each in [0, 1)."""
    height, width = labels.shape
    flat = labels.ravel()
    rows = np.bincount(flat, np.repeat(np.arange(height) / height, width))
    columns = np.bincount(flat, np.tile(np.arange(width) / width, height))
    return np.stack([rows, columns], axis=1) / np.bincount(flat)[:, None]


def members(region: Labels, count: int) -> NDArray[np.bool_]:
    """Which of `count` superpixels have a pixel in `region`, a part of the labels: (N,) bool."""
    return np.bincount(region.ravel(), minlength=count) > 0


def border_members(labels: Labels, count: int, band_px: int) -> NDArray[np.bool_]:
    """Which of `count` superpixels touch the outer `band_px` pixels of the image: (N,) bool."""
    inner = np.ones(labels.shape, np.bool_)
    inner[:band_px] = inner[-band_px:] = inner[:, :band_px] = inner[:, -band_px:] = False
    return members(labels[~inner], count)
