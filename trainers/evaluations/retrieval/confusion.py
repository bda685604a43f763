"""Mean intersection over union from a table of truth and answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def class_ious(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU of each class of a (C, C) table of pixels, true class down and answered class across.

    NaN for a class that neither is nor was answered anywhere.

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.retrieval.confusion import class_ious
        >>> class_ious(np.array([[6, 2], [0, 2]])).tolist()
        [0.75, 0.5]
    """
    both, either = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def count_pixels(counts: NDArray[np.int64], answers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The (C, C) table of regions that are answered whole.

    Args:
        counts: (n, C) pixels of each true class in each region.
        answers: (n,) class of each region.
    """
    table = np.zeros((counts.shape[1],) * 2, np.int64)
    np.add.at(table.T, answers, counts)
    return table
