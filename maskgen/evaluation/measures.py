"""How well one map fits one truth: threshold curves, F, E, MAE, IoU; `structure` has the spatial measures.

Everything here follows from two histograms, of the map's levels inside and outside the truth. Numbers agree
with pysodmetrics 1.6.2, given the same map, but for the cases named below; it is no dependency of ours
because it holds numpy, OpenCV and scikit-image back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import HardMask
from .structure import s_measure, weighted_f

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BETA2 = 0.3
"""Weight of precision in F, beta squared (Achanta et al., CVPR 2009)."""

LEVELS = 256


class Curves(NamedTuple):
    """Measures of a map cut at each level t = 0..255 (foreground: level >= t), each (256,) float64."""

    precision: Floats
    recall: Floats
    f: Floats
    e: Floats


class Measures(NamedTuple):
    """The measures of one map, all in [0, 1] up to E's n / (n - 1).

    Args:
        adaptive_f: F of the map cut at twice its mean, at most 1.
        weighted_f: weighted F (Margolin et al., CVPR 2014), beta 1.
        mae: mean absolute error of the soft map.
        s_measure: structure measure (Fan et al., ICCV 2017), alpha 0.5.
        e_measure: enhanced alignment (Fan et al., IJCAI 2018), mean over the 256 levels.
        adaptive_e: the same of the map cut at twice its mean.
        iou: intersection over union of the map cut at the given level; 0 when both are empty.
    """

    adaptive_f: float
    weighted_f: float
    mae: float
    s_measure: float
    e_measure: float
    adaptive_e: float
    iou: float


class Scored(NamedTuple):
    """The measures of one map and the curves that data set maxima are made from."""

    measures: Measures
    curves: Curves


def level_values(levels: NDArray[np.uint8], *, normalize: bool) -> Floats:
    """What each of the 256 levels of a map is worth.

    Args:
        levels: (H, W) uint8.
        normalize: stretch the map's own minimum and maximum to 0 and 1, as pysodmetrics and SalBenchmark do;
            a constant map stays as it is. Else level / 255, as the RBD toolbox does.

    Returns:
        (256,) float64; levels outside the map's range are worth something outside [0, 1].
    """
    values = np.arange(LEVELS) / 255
    low, high = values[levels.min()], values[levels.max()]
    return (values - low) / (high - low) if normalize and high > low else values


def measure(levels: NDArray[np.uint8], truth: HardMask, cut: int = 128, *, normalize: bool = False) -> Scored:
    """Hold one map against its truth.

    An empty truth gives 0 for F, weighted F and IoU; S and E reward an empty map, as their authors' code
    does.

    Args:
        levels: (H, W) uint8 map.
        truth: (H, W) bool.
        cut: smallest level, 1..255, that counts as foreground for IoU; of the stretched map when normalizing.
        normalize: see `level_values`.

    Raises:
        ValueError: the two shapes differ, or are not those of an image.
    """
    if levels.shape != truth.shape or levels.ndim != 2 or not levels.size:
        raise ValueError(f"a map of {levels.shape} and a truth of {truth.shape}")
    values = level_values(levels, normalize=normalize)
    inside = np.bincount(levels[truth], minlength=LEVELS)
    outside = np.bincount(levels.ravel(), minlength=LEVELS) - inside
    curves = _curves(inside, outside, values)
    adaptive_f, adaptive_e = _adaptive(inside, outside, values)
    soft = values[levels]
    measures = Measures(
        adaptive_f=adaptive_f,
        weighted_f=weighted_f(soft, truth),
        mae=float(inside @ (1 - values) + outside @ values) / levels.size,
        s_measure=s_measure(soft, truth),
        e_measure=float(curves.e.mean()),
        adaptive_e=adaptive_e,
        iou=_iou(curves, cut),
    )
    return Scored(measures, curves)


def f_score(precision: Floats, recall: Floats) -> Floats:
    """F = (1 + b) P R / (b P + R) with b = 0.3; 0 where either is 0."""
    product = (1 + BETA2) * precision * recall
    return product / np.where(product > 0, BETA2 * precision + recall, 1)


def _curves(inside: Counts, outside: Counts, values: Floats) -> Curves:
    # Rounding down, as the toolboxes do with a stretched map; without stretching this is the level itself.
    cells = np.clip(np.floor(values * 255), 0, 255).astype(np.int64)
    hits, false = _at_least(inside, cells), _at_least(outside, cells)
    precision, recall = _precision_recall(hits, false, int(inside.sum()))
    e = _enhanced_alignment(hits, false, int(inside.sum()), int(inside.sum() + outside.sum()))
    return Curves(precision, recall, f_score(precision, recall), e)


def _at_least(counts: Counts, cells: Counts) -> Counts:
    """Pixels at or above each level, (256,), after level i has moved to cells[i]."""
    moved = np.bincount(cells, counts, LEVELS).astype(np.int64)
    return np.cumsum(moved[::-1])[::-1]


def _precision_recall(hits: Counts, false: Counts, truth: int) -> tuple[Floats, Floats]:
    """Precision is 0 where nothing is cut out, as in pysodmetrics."""
    return hits / np.maximum(hits + false, 1), hits / max(truth, 1)


def _adaptive(inside: Counts, outside: Counts, values: Floats) -> tuple[float, float]:
    """F and E of the map cut at min(twice its mean, 1).

    Sums of levels are whole numbers, so ties are exact.
    """
    both = inside + outside
    present = np.flatnonzero(both)
    low, high = int(present[0]), int(present[-1])
    # In levels: stretching moves zero to `low` and one to `high`.
    zero, one = (low, high) if values[low] == 0 and values[high] == 1 else (0, 255)
    steps = np.arange(LEVELS) - zero
    size = int(both.sum())
    bound = min(2 * int(both @ steps), (one - zero) * size)
    chosen = (steps * size >= bound) & (both > 0)
    hits, false = inside[chosen].sum(keepdims=True), outside[chosen].sum(keepdims=True)
    truth = int(inside.sum())
    f = f_score(*_precision_recall(hits, false, truth))
    return float(f[0]), float(_enhanced_alignment(hits, false, truth, size)[0])


def _enhanced_alignment(hits: Counts, false: Counts, truth: int, size: int) -> Floats:
    """E of binary maps, eq. 4-6, divided by n - 1 as in the authors' code (so a perfect map has n / (n - 1)).

    Each pixel is one of four kinds, by map and truth; all pixels of a kind have one alignment value.
    """
    chosen = hits + false
    if truth in (0, size):
        agreeing = chosen if truth else size - chosen
        return agreeing / max(size - 1, 1)
    mean_map, mean_truth = chosen / size, truth / size
    total = np.zeros(hits.shape)
    kinds = (
        (hits, 1, 1),
        (false, 1, 0),
        (truth - hits, 0, 1),
        (size - truth - false, 0, 0),
    )
    for count, in_map, in_truth in kinds:
        a, b = in_map - mean_map, in_truth - mean_truth
        total += count * (2 * a * b / (a * a + b * b) + 1) ** 2 / 4
    return total / (size - 1)


def _iou(curves: Curves, cut: int) -> float:
    """1 / (1/P + 1/R - 1), which is TP / (TP + FP + FN)."""
    precision, recall = float(curves.precision[cut]), float(curves.recall[cut])
    return precision * recall / (precision + recall - precision * recall) if precision * recall else 0.0
