"""The two measures that look at where a map errs: S-measure and weighted F."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..types import HardMask

Floats = NDArray[np.float64]

_ALPHA = 0.5  # share of the object term in S
_EPS = float(np.spacing(1.0))
_KERNEL_SIDE, _KERNEL_SIGMA = 7, 5.0  # px; fspecial('gaussian', 7, 5) of the authors' code
_FADE_PX = 5.0  # distance over which the weight of a false alarm goes halfway from 1 to 2


def s_measure(soft: Floats, truth: HardMask) -> float:
    """Structure measure (Fan et al., ICCV 2017): half object-aware, half region-aware similarity.

    Deviation from pysodmetrics: a quarter without pixels (all foreground in the last row or column) counts
    nothing; there it makes the result NaN. The centroid is rounded half to even, as there.

    Args:
        soft: (H, W) float64 map in [0, 1].
        truth: (H, W) bool; an empty one gives 1 - mean(map), a full one mean(map).

    Returns:
        S in [0, 1].
    """
    share = float(truth.mean())
    if share in (0.0, 1.0):
        return float(soft.mean()) if share else 1 - float(soft.mean())
    object_term = share * _object(soft[truth]) + (1 - share) * _object(1 - soft[~truth])
    return max(0.0, _ALPHA * object_term + (1 - _ALPHA) * _regions(soft, truth))


def _object(values: Floats) -> float:
    """Eq. 4: 2m / (m^2 + 1 + s) with the sample standard deviation s."""
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean * mean + 1 + spread + _EPS)


def _regions(soft: Floats, truth: HardMask) -> float:
    """Eq. 5-7: the four quarters around the truth's centroid, weighted by area."""
    height, width = truth.shape
    rows, columns = np.nonzero(truth)
    # The quarter at the top left includes the centroid's row and column (MATLAB's 1:X).
    y, x = int(np.round(rows.mean())) + 1, int(np.round(columns.mean())) + 1
    total = 0.0
    for part in (np.s_[:y, :x], np.s_[:y, x:], np.s_[y:, :x], np.s_[y:, x:]):
        size = truth[part].size
        if size:
            total += size / (height * width) * _similarity(soft[part], truth[part])
    return total


def _similarity(soft: Floats, truth: HardMask) -> float:
    """SSIM of one quarter, without its constants (eq. 6)."""
    x, y = float(soft.mean()), float(truth.mean())
    dx, dy = soft - x, truth - y
    free = soft.size - 1 + _EPS
    xx, yy, xy = (float((a * b).sum()) / free for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    top, bottom = 4 * x * y * xy, (x * x + y * y) * (xx + yy)
    if top:
        return top / (bottom + _EPS)
    return 0.0 if bottom else 1.0


def weighted_f(soft: Floats, truth: HardMask) -> float:
    """Weighted F (Margolin et al., CVPR 2014) with beta 1, the value the field reports.

    Errors inside the truth are smoothed with their neighbors' (dependency); false alarms weigh up to twice as
    much far from it (importance). Which of several equally near foreground pixels lends its error follows
    scipy, as in pysodmetrics; MATLAB may choose another.

    Args:
        soft: (H, W) float64 map in [0, 1].
        truth: (H, W) bool; an empty one gives 0.

    Returns:
        Weighted F in [0, 1].
    """
    if not truth.any():
        return 0.0
    distance, nearest = ndimage.distance_transform_edt(~truth, return_indices=True)  # pyright: ignore[reportGeneralTypeIssues]
    error = np.abs(soft - truth)
    lent = np.where(truth, error, error[nearest[0], nearest[1]])
    inside = np.minimum(error, _smooth(lent))[truth]
    far = ~truth
    outside = error[far] * (2 - np.exp(np.log(0.5) / _FADE_PX * distance[far]))
    hits = float(truth.sum() - inside.sum())
    recall = 1 - float(inside.mean())
    precision = hits / (hits + float(outside.sum()) + _EPS)
    return 2 * recall * precision / (recall + precision + _EPS)


def _smooth(image: Floats) -> Floats:
    """The truncated Gaussian as two passes, zero outside the image."""
    offsets = np.arange(_KERNEL_SIDE) - _KERNEL_SIDE // 2
    weights = np.exp(-(offsets**2) / (2 * _KERNEL_SIGMA**2))
    weights /= weights.sum()
    rows = ndimage.correlate1d(image, weights, axis=0, mode="constant")
    smooth: Floats = ndimage.correlate1d(rows, weights, axis=1, mode="constant")
    return smooth
