"""Which objects two crops of a photo show, by objects that somebody has outlined."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maskgen.types import HardMask

Outlines: TypeAlias = Callable[[int], tuple[HardMask, ...] | None]
"""The objects of a sample, by its number: masks of the whole photo; None for a sample that is not known."""


class ObjectStats(NamedTuple):
    """Of two views of a photo; shares from 0 to 1.

    Args:
        views: their numbers.
        photos: those whose objects are known.
        both: of these, pairs of crops that each show an object at all.
        other: of those, pairs whose largest objects are two different ones.
        none_common: of those, pairs that have no object in common.
    """

    views: tuple[int, int]
    photos: int
    both: float
    other: float
    none_common: float


def object_stats(
    boxes: NDArray[np.float64], numbers: NDArray[np.int64], outlines: Outlines
) -> list[ObjectStats]:
    """How often two crops of a photo show different objects (Van Gansbeke et al. 2021, section 3).

    The question of "Revisiting Contrastive Methods for Unsupervised Learning of Visual Representations"
    (https://arxiv.org/abs/2106.05967): photos of many objects may give positives that have none in common.
    A crop shows an object if one pixel of it is inside.

    Args:
        boxes: (N, V, 4), the crops (y0, x0, height, width) relative to the photo.
        numbers: (N,) of the samples.
        outlines: their objects.

    Example:
        >>> import numpy as np
        >>> from maskgen.loaders.inspect.objects import object_stats
        >>> left, right = np.array([[True, False]]), np.array([[False, True]])
        >>> boxes = np.array([[[0, 0, 1, 0.5], [0, 0.5, 1, 0.5]]])
        >>> object_stats(boxes, np.array([0]), lambda number: (left, right))[0].other
        1.0
    """
    shown = [
        shown_areas(crops, objects)
        for crops, number in zip(boxes, numbers, strict=True)
        if (objects := outlines(int(number))) is not None
    ]
    return [_pair(shown, pair) for pair in combinations(range(boxes.shape[1]), 2)]


def shown_areas(crops: NDArray[np.float64], objects: tuple[HardMask, ...]) -> NDArray[np.int64]:
    """How many pixels of each object each crop shows; edges are rounded to whole pixels.

    Args:
        crops: (V, 4) as y0, x0, height, width, relative to the photo.
        objects: n masks (H, W).

    Returns:
        (V, n).
    """
    found = np.zeros((len(crops), len(objects)), np.int64)
    for column, mask in enumerate(objects):
        size = np.array([*mask.shape, *mask.shape])
        edges = np.rint(np.concatenate([crops[:, :2], crops[:, :2] + crops[:, 2:]], axis=1) * size).astype(
            int
        )
        for row, (top, left, bottom, right) in enumerate(edges.tolist()):
            found[row, column] = np.count_nonzero(mask[top:bottom, left:right])
    return found


def _pair(shown: list[NDArray[np.int64]], pair: tuple[int, int]) -> ObjectStats:
    seen = [(areas[pair[0]], areas[pair[1]]) for areas in shown]
    both = [(first, second) for first, second in seen if first.any() and second.any()]
    other = [first.argmax() != second.argmax() for first, second in both]
    apart = [not ((first > 0) & (second > 0)).any() for first, second in both]
    return ObjectStats(
        pair, len(seen), _share(len(both), seen), _share(sum(other), both), _share(sum(apart), both)
    )


def _share(count: int, of: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> float:
    return count / len(of) if of else 0.0
