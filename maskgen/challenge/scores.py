"""What a classifier's answers on the variants come to: numbers in, numbers out.

None of them needs more than masks and labels, so all can be had of any data set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError


def background_gap(mixed_same: float, mixed_rand: float) -> float:
    """BG-gap: what a classifier loses when backgrounds no longer tell the class.

    BG-gap = accuracy(Mixed-Same) - accuracy(Mixed-Rand).

    Source: Xiao, Engstrom, Ilyas, Madry: Noise or Signal, ICLR 2021, https://arxiv.org/abs/2006.09994,
    section 3. No deviation.

    Args:
        mixed_same: accuracy with backgrounds of the own class, in any unit.
        mixed_rand: accuracy with backgrounds of random classes, in the same unit.

    Returns:
        The difference, in that unit.

    Example:
        >>> from maskgen.challenge.scores import background_gap
        >>> round(background_gap(86.2, 78.9), 1)
        7.3
    """
    return mixed_same - mixed_rand


def relative_foreground_sensitivity(noisy_background: float, noisy_foreground: float) -> float:
    """RFS: how much more a classifier suffers from noise on the foreground than on the background.

    With a the mean of both accuracies, RFS = (noisy_background - noisy_foreground) / (2 min(a, 1 - a)): the
    gap over the largest that this mean allows.

    Source: Moayeri, Pope, Balaji, Feizi: A Comprehensive Study of Image Classification Model Sensitivity to
    Foregrounds, Backgrounds, and Visual Attributes, CVPR 2022, https://arxiv.org/abs/2201.10766. Deviation: 0
    where both accuracies are 0 or both are 1, of which the formula says nothing.

    Args:
        noisy_background: accuracy in [0, 1] with noise on the background alone.
        noisy_foreground: accuracy in [0, 1] with noise on the foreground alone.

    Returns:
        [-1, 1]; above 0 where the foreground counts more.

    Raises:
        UsageError: an accuracy outside [0, 1].

    Example:
        >>> from maskgen.challenge.scores import relative_foreground_sensitivity
        >>> round(relative_foreground_sensitivity(0.8, 0.4), 3)
        0.5
        >>> relative_foreground_sensitivity(0.5, 0.0)
        1.0
    """
    for accuracy in (noisy_background, noisy_foreground):
        if not 0 <= accuracy <= 1:
            raise UsageError(f"an accuracy of {accuracy} is not in [0, 1]", remedy="give shares, not percent")
    mean = (noisy_background + noisy_foreground) / 2
    room = 2 * min(mean, 1 - mean)
    return (noisy_background - noisy_foreground) / room if room > 0 else 0.0


def delta_saliency_density(saliency: ArrayLike, mask: ArrayLike) -> float:
    """How much denser a saliency map (Grad-CAM or other) is on the foreground than on the background.

    sum(s m) / sum(m) - sum(s (1 - m)) / sum(1 - m): the map's mean inside minus its mean outside.

    Source: Moayeri, Singla, Feizi: Hard ImageNet: Segmentations for Objects with Strong Spurious Cues,
    NeurIPS 2022, https://github.com/mmoayeri/HardImageNet. No deviation; the map is taken as it is, so give
    all maps the same range, as [0, 1].

    Args:
        saliency: (H, W) numbers.
        mask: (H, W) bool, or numbers in [0, 1]; 1 is foreground.

    Raises:
        UsageError: the shapes differ, or the mask is foreground all over or nowhere.

    Example:
        >>> from maskgen.challenge.scores import delta_saliency_density
        >>> delta_saliency_density([[1.0, 0.5], [0.0, 0.0]], [[1, 1], [0, 0]])
        0.75
    """
    weights, values = np.asarray(mask, np.float64), np.asarray(saliency, np.float64)
    if weights.shape != values.shape:
        raise UsageError(
            f"a saliency map of {values.shape} and a mask of {weights.shape}",
            remedy="resize the map to the mask",
        )
    inside, outside = float(weights.sum()), float((1 - weights).sum())
    if not (inside > 0 and outside > 0):
        raise UsageError(
            "a mask without foreground, or without background", remedy="leave such photos out, and count them"
        )
    return float((values * weights).sum() / inside - (values * (1 - weights)).sum() / outside)


def worst_group(correct: ArrayLike, groups: ArrayLike) -> float:
    """The accuracy of the group that fares worst, as of water birds on land.

    Source: Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts, ICLR
    2020, https://arxiv.org/abs/1911.08731. No deviation.

    Args:
        correct: (N,) bool, whether each answer is right.
        groups: (N,) which group each belongs to.

    Raises:
        UsageError: there are no answers, or not as many as groups.

    Example:
        >>> from maskgen.challenge.scores import worst_group
        >>> worst_group([True, True, False, True], ["a", "a", "b", "b"])
        0.5
    """
    right, named = np.asarray(correct, np.float64), np.asarray(groups)
    if right.shape != named.shape or right.ndim != 1 or not right.size:
        raise UsageError(f"{right.shape} answers and {named.shape} groups", remedy="give one group an answer")
    return min(float(right[_rows(named, group)].mean()) for group in np.unique(named))


def _rows(named: NDArray[np.generic], group: object) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = named == group
    return rows
