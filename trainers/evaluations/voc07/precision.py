"""Average precision, as VOC's challenges and the papers' codes have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def precision_recall(scores: NDArray[np.float64], shown: NDArray[np.bool_]) -> Curve:
    """Precision and recall of "all with this score or more", for each score from the highest.

    Photos of one score are taken together, so that their order does not matter; the papers' codes take them
    one by one as they come.

    Args:
        scores: (n,), higher for more certain.
        shown: (n,), whether the class is there; at least one is.

    Returns:
        Precision (k,) and recall (k,), both in [0, 1], for the k different scores.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    hits = np.cumsum(shown[order])[ends]
    return hits / (ends + 1), hits / int(shown.sum())


def all_point(scores: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    """The area under the falling envelope of precision over recall (VOC since 2010, FAIR's codes).

    sum over the steps of recall of (R_k - R_(k-1)) max over j >= k of P_j

    Args:
        scores: (n,).
        shown: (n,), at least one.

    Example:
        >>> import numpy as np
        >>> from maskgen.trainers.evaluations.voc07.precision import all_point
        >>> all_point(np.array([0.9, 0.8, 0.7, 0.6]), np.array([False, True, True, False]))
        0.6666666666666666
    """
    precision, recall = precision_recall(scores, shown)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(recall, prepend=0.0) @ envelope)


def eleven_point(scores: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    """The mean over r = 0, 0.1, ..., 1 of the highest precision at a recall of r or more (VOC 2007).

    Everingham et al. 2010, equations 1 and 2: https://doi.org/10.1007/s11263-009-0275-4

    Args:
        scores: (n,).
        shown: (n,), at least one.
    """
    precision, recall = precision_recall(scores, shown)
    tenths = [precision[recall * 10 >= tenth - 1e-9].max() for tenth in range(11)]
    return float(np.mean(tenths))


def step(scores: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    """The same as `all_point` without the envelope (scikit-learn's, by which VirTex tests).

    Args:
        scores: (n,).
        shown: (n,), at least one.
    """
    precision, recall = precision_recall(scores, shown)
    return float(np.diff(recall, prepend=0.0) @ precision)


MEASURES: dict[str, Callable[[NDArray[np.float64], NDArray[np.bool_]], float]] = {
    "all_point": all_point,
    "eleven_point": eleven_point,
    "step": step,
}
