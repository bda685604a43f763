"""DAVIS's measures: region similarity J, contour accuracy F, and their statistics over a clip.

Source: Perazzi et al. 2016, "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
section 4; Pont-Tuset et al. 2017, https://arxiv.org/abs/1704.00675; and what davis2017-evaluation computes,
which fixes the empty cases. No deviation.
"""

from __future__ import annotations

from math import ceil, hypot
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.types import HardMask

TOLERANCE = 0.008
"""Of a contour, as a share of the picture's diagonal."""
_QUARTERS = 4


class Statistics(NamedTuple):
    """What a measure comes to over the frames of one object.

    Args:
        mean: of the frames.
        recall: share of frames above 0.5.
        decay: mean of the first quarter of the frames minus that of the last.
    """

    mean: float
    recall: float
    decay: float


def region_similarity(mask: HardMask, truth: HardMask) -> float:
    """J: the intersection over union of two (H, W) bool masks; 1 where both are empty."""
    union = int((mask | truth).sum())
    return float((mask & truth).sum() / union) if union else 1.0


def contour_accuracy(mask: HardMask, truth: HardMask) -> float:
    """F: the harmonic mean of precision and recall of the contour of two (H, W) bool masks.

    A contour pixel is right if the other mask has a contour pixel at a distance of at most 0.8 % of the
    diagonal, rounded up to whole px. Where only one of the two has a contour F is 0, where none has it is 1.

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.davis.measures import contour_accuracy
        >>> mask = np.zeros((100, 100), bool)
        >>> mask[20:60, 20:60] = True
        >>> contour_accuracy(mask, mask), contour_accuracy(mask, np.roll(mask, 50, 1))
        (1.0, 0.0)
    """
    reach = ceil(TOLERANCE * hypot(*mask.shape))
    one, other = contour(mask), contour(truth)
    ours, theirs = int(one.sum()), int(other.sum())
    if not ours or not theirs:
        return 1.0 if ours == theirs else 0.0
    precision = float((one & _widen(other, reach)).sum() / ours)
    recall = float((other & _widen(one, reach)).sum() / theirs)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contour(mask: HardMask) -> HardMask:
    """The one-px contour of an (H, W) bool mask: pixels that differ from the one below, right, or both."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    below, right, both = padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]
    found: HardMask = (mask != below) | (mask != right) | (mask != both)
    return found


def _widen(edges: HardMask, reach: int) -> HardMask:
    grid = np.arange(-reach, reach + 1)
    disk = (grid[:, None] ** 2 + grid[None] ** 2 <= reach**2).astype(np.uint8)
    return np.asarray(cv2.dilate(edges.astype(np.uint8), disk) > 0)


def statistics(values: NDArray[np.float64]) -> Statistics:
    """Mean, recall and decay of the (T,) values of one object.

    The quarters share their ends, as in davis2017-evaluation.

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.davis.measures import statistics
        >>> [round(float(value), 3) for value in statistics(np.array([1.0, 0.75, 0.5, 0.5, 0.25, 0.0]))]
        [0.5, 0.333, 0.75]
    """
    ends = np.round(np.linspace(1, len(values), _QUARTERS + 1) + 1e-10).astype(int) - 1
    first, last = values[ends[0] : ends[1] + 1], values[ends[-2] : ends[-1] + 1]
    return Statistics(float(values.mean()), float((values > 0.5).mean()), float(first.mean() - last.mean()))
