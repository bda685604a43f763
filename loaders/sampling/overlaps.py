"""Pairs of crops whose overlap is bounded: how far they are from their bounds, and how they are moved there.

Boxes are (y0, x0, height, width) in px of their photo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..recipes.parts import Crop

Floats = NDArray[np.float64]
_STEPS = np.linspace(0, 1, 65)[:, None]
_PASSES = 2


def common_part(boxes: Floats, others: Floats) -> Floats:
    """The (..., 4) boxes that boxes (y0, x0, height, width) share with others of a shape that fits.

    Where they share nothing, a side is 0.

    Example:
        >>> common_part(np.array([0, 0, 4, 4]), np.array([2, 1, 4, 4])).tolist()
        [2, 1, 2, 3]
    """
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., :2] + boxes[..., 2:], others[..., :2] + others[..., 2:])
    return np.concatenate([low, np.maximum(high - low, 0)], axis=-1)


def intersection(boxes: Floats, others: Floats) -> Floats:
    """Areas that (..., 4) boxes (y0, x0, height, width) share with others of a shape that fits."""
    area: Floats = common_part(boxes, others)[..., 2:].prod(axis=-1)
    return area


def shown_box(
    boxes: NDArray[np.float32], others: NDArray[np.float32], flips: NDArray[np.bool_], size: int
) -> NDArray[np.int32]:
    """(B, 4) the pixels (y0, x0, y1, x1) of (size, size) views whose centers lie in other crops too.

    Args:
        boxes: (B, 4) crops of the views, relative to their photos.
        others: (B, 4) the other crops, alike.
        flips: (B,) whether a view is flipped left to right.
        size: of the views, px.

    Example:
        >>> left, right = np.array([[0, 0, 1, 0.5]]), np.array([[0, 0.25, 1, 0.75]])
        >>> shown_box(left, right, np.array([False]), 8).tolist()
        [[0, 4, 8, 8]]
        >>> shown_box(left, right, np.array([True]), 8).tolist()
        [[0, 0, 8, 4]]
    """
    own = boxes.astype(np.float64)
    common = common_part(own, others.astype(np.float64))
    low = (common[:, :2] - own[:, :2]) / own[:, 2:] * size
    ends = np.stack([low, low + common[:, 2:] / own[:, 2:] * size])
    first, end = np.ceil(ends.round(3) - 0.5)  # the boxes' float32 is finer than a thousandth of a pixel
    kept = np.concatenate([first, np.maximum(end, first)], axis=1)
    box: NDArray[np.int32] = np.clip(kept, 0, size).astype(np.int32)
    box[flips, 1], box[flips, 3] = size - box[flips, 3], size - box[flips, 1]
    return box


def off_bounds(boxes: Floats, others: Floats, bounds: tuple[float, float]) -> Floats:
    """How far the intersection over union lies outside its bounds; 0 inside."""
    shared = intersection(boxes, others)
    union = boxes[..., 2:].prod(axis=-1) + others[..., 2:].prod(axis=-1) - shared
    iou = shared / np.maximum(union, 1)
    return np.asarray(np.maximum(np.maximum(bounds[0] - iou, iou - bounds[1]), 0))


def off_limits(crops: Sequence[Crop], boxes: Floats) -> Floats:
    """(B,) how far all pairs of (B, V, 4) boxes are from the bounds of `Crop.iou` together."""
    off = np.zeros(len(boxes))
    for view, crop in enumerate(crops):
        if crop.iou is not None:
            off += off_bounds(boxes[:, view], boxes[:, crop.iou[0]], crop.iou[1:])
    return off


def move_to_limits(crops: Sequence[Crop], sizes: Floats, boxes: Floats) -> None:
    """Move pairs of (B, V, 4) boxes, in place, until their overlap is within the bounds of `Crop.iou`.

    Both boxes of a pair go from where they are towards two that overlap as little as can be, or as much as
    can be, and stop where the bounds are met first, or nearest. Sizes and shapes stay within those of their
    crops. A pair with a rule about the foreground, or about another overlap, stays as it is.

    Args:
        crops: one for each of V views.
        sizes: (B, 2) heights and widths of the photos, px.
        boxes: (B, V, 4).
    """
    for view, crop in enumerate(crops):
        if crop.iou is None:
            continue
        other = crop.iou[0]
        pair = (crops[other], crop)
        if any(one.fg_min > 0 or one.overlap_of is not None for one in pair):
            continue
        for row in np.flatnonzero(off_limits(crops, boxes) > 0):
            both = boxes[row, [other, view]]
            best = boxes[row].copy()
            for goal in _goals(pair, sizes[row], both):
                steps = _STEPS
                for _ in range(_PASSES):  # narrow bounds may lie between two steps
                    moved = np.repeat(boxes[row][None], len(steps), axis=0)
                    moved[:, [other, view]] = _way(both, goal, sizes[row], steps)
                    off = off_limits(crops, moved)
                    first = int(off.argmin())
                    if off[first] < off_limits(crops, best[None])[0]:
                        best = moved[first]
                    if off[first] == 0:
                        break
                    ends = steps[max(first - 1, 0)], steps[min(first + 1, len(steps) - 1)]
                    steps = np.linspace(*ends, len(steps))
            boxes[row] = best


def _way(both: Floats, goal: Floats, size: Floats, steps: Floats) -> Floats:
    """(65, 2, 4) a pair of boxes on its way to another; areas and shapes go evenly in their logarithms."""
    way = np.empty((len(steps), 2, 4))
    for number in range(2):
        start, end = both[number], goal[number]
        sides = np.rint(np.exp((1 - steps) * np.log(start[2:]) + steps * np.log(end[2:])))
        corner = np.rint((1 - steps) * start[:2] + steps * end[:2])
        way[:, number, 2:] = np.clip(sides, 1, size)
        way[:, number, :2] = np.clip(corner, 0, size - way[:, number, 2:])
    return way


def _goals(pair: tuple[Crop, Crop], size: Floats, both: Floats) -> Iterator[Floats]:
    """(2, 4) pairs that overlap least: small, in opposite corners, both wide or both tall; and most."""
    area = size.prod()
    for wide in (True, False):
        smallest = [_shape(crop, crop.scale[0] * area, crop.ratio[int(wide)], size) for crop in pair]
        ends = (np.zeros(2), size - smallest[1])
        yield np.array([np.concatenate([end, sides]) for end, sides in zip(ends, smallest, strict=True)])
    # As much: one area and one shape for both, as far as their bounds allow, around one center.
    tall, wide_px = both[0, 2:]
    shares, ratios = [tall * wide_px / area], [wide_px / tall]
    for crop in (pair[1], pair[0]):
        shares.append(np.clip(shares[-1], *crop.scale))
        ratios.append(np.clip(ratios[-1], *crop.ratio))
    middle = both[0, :2] + both[0, 2:] / 2
    alike = []
    for crop, share, ratio in zip(pair, shares[:0:-1], ratios[:0:-1], strict=True):
        sides = _shape(crop, share * area, ratio, size)
        alike.append(np.concatenate([np.clip(middle - sides / 2, 0, size - sides), sides]))
    yield np.array(alike)


def _shape(crop: Crop, area: float, ratio: float, size: Floats) -> Floats:
    """(2,) height and width of an area, px, in the shape nearest to `ratio` that fits into the photo."""
    ratio = float(
        np.clip(ratio, max(crop.ratio[0], area / size[0] ** 2), min(crop.ratio[1], size[1] ** 2 / area))
    )
    return np.asarray(np.minimum([np.sqrt(area / ratio), np.sqrt(area * ratio)], size))
