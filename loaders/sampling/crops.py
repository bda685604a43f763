"""Random crops chosen from the summed-area table, for all views of a batch at once; nothing is decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from maskgen.shards.coverage import SAT_SCALE
from maskgen.shards.meta import Meta

from ..recipes.parts import Crop
from .overlaps import common_part, intersection, move_to_limits, off_bounds, off_limits

Floats = NDArray[np.float64]
TRIES = 10
UNIFORMS = 4 * (TRIES + 1)
"""Random numbers per crop: area, log aspect ratio, top and left of each try, and four for the fallback."""
ATTEMPTS = 64
"""How often all crops of a photo are drawn, at most, until the bounds of `Crop.iou` are met."""
Again: TypeAlias = Callable[[int, NDArray[np.intp]], NDArray[np.floating[Any]]]
"""Gives (n, V, UNIFORMS) other numbers for an attempt, 1..ATTEMPTS - 1, of the (n,) rows."""
_QUANTUM = 2 / SAT_SCALE  # four corners, each rounded by up to half a step


def choose_crops(
    crops: Sequence[Crop],
    sat: NDArray[np.uint16],
    meta: Meta,
    uniforms: NDArray[np.floating[Any]],
    again: Again | None = None,
) -> NDArray[np.float32]:
    """One crop for each view of each photo.

    Each try has the law of torchvision's RandomResizedCrop, up to the law of its center; the first of ten
    that meets all conditions of its `Crop` is taken, else the fallback of its rule. The edges are whole
    pixels. Deviations from the papers: the foreground is measured on the stored 32 x 32 table instead of the
    mask, which takes the same crop in more than 99.5 % of cases and needs no decoding; a photo without any
    foreground takes an unconstrained crop (CAST's code takes another photo instead, which would tie an
    epoch's length to luck); the grown box of `phi` is centered on a foreground too long for the aspect ratio,
    where CAST's code shows its lower or right end.

    Args:
        crops: one for each of V views; `overlap_of`, `fg_within` and `iou` name earlier ones.
        sat: (B, 33, 33) uint16 summed-area tables of the masks; (B, V, 33, 33) if each view has its own.
        meta: (B,) of `shards.meta.META`, or (B, V) alike.
        uniforms: (B, V, UNIFORMS) in [0, 1).
        again: more numbers, to draw all crops of a photo anew while two miss the bounds of `Crop.iou`; what
            `ATTEMPTS` did not bring there is moved there. None: the nearest of the tries is taken.

    Returns:
        (B, V, 4) float32 boxes (y0, x0, height, width) relative to the photo.
    """
    sat, meta = by_view(sat, meta)
    sizes = meta["size"][:, 0].astype(np.float64)
    boxes = _draw(crops, sat, meta, uniforms)
    if again is not None and any(crop.iou is not None for crop in crops):
        _redraw(crops, sat, meta, boxes, again)
        move_to_limits(crops, sizes, boxes)
    return (boxes / np.tile(sizes, 2)[:, None]).astype(np.float32)


def _redraw(crops: Sequence[Crop], sat: NDArray[np.uint16], meta: Meta, boxes: Floats, again: Again) -> None:
    """Draw all crops of a photo anew, in place, while two of them miss their bounds; keep the nearest."""
    off = off_limits(crops, boxes)
    for attempt in range(1, ATTEMPTS):
        rows = np.flatnonzero(off > 0)
        if not len(rows):
            return
        other = _draw(crops, sat[rows], meta[rows], again(attempt, rows))
        now = off_limits(crops, other)
        nearer = now < off[rows]
        boxes[rows[nearer]], off[rows[nearer]] = other[nearer], now[nearer]


def _draw(
    crops: Sequence[Crop], sat: NDArray[np.uint16], meta: Meta, uniforms: NDArray[np.floating[Any]]
) -> Floats:
    """(B, V, 4) boxes, px: the first of ten tries of each, or the fallback of its rule.

    Tables and metas are those of `by_view`.
    """
    rows, views = len(sat), len(crops)
    sizes = meta["size"][:, :1, None].astype(np.float64)
    drawn = np.asarray(uniforms, np.float64).reshape(rows, views, TRIES + 1, 4)
    tried, fits = _tries(crops, sat, sizes, drawn)
    fits[..., :TRIES] &= _holds_enough(crops, sat, meta, tried[..., :TRIES, :])
    boxes = np.empty((rows, views, 4))
    for view, crop in enumerate(crops):
        own = meta[:, min(view, meta.shape[1] - 1)]
        if crop.fg_within is not None:
            table = sat[:, min(view, sat.shape[1] - 1)]
            fits[:, view, :TRIES] &= _holds_within(
                crop, table, own, tried[:, view, :TRIES], boxes[:, crop.fg_within]
            )
        boxes[:, view] = _pick(crop, own, drawn[:, view, -1], tried[:, view], fits[:, view], boxes)
    return boxes


def by_view(sat: NDArray[np.uint16], meta: Meta) -> tuple[NDArray[np.uint16], Meta]:
    """(B, 1 or V, 33, 33) tables and (B, 1 or V) metas: 1 where all views share a mask."""
    return (sat[:, None], meta[:, None]) if sat.ndim == 3 else (sat, meta)


def covered(sat: NDArray[np.uint16], boxes: NDArray[np.floating[Any]]) -> Floats:
    """`coverage` of (B, V, ..., 4) boxes by the (B, 1 or V, 33, 33) tables of `by_view`."""
    if sat.shape[1] == 1:
        return coverage(sat[:, 0], boxes)
    return coverage(sat.reshape(-1, *sat.shape[2:]), boxes.reshape(-1, *boxes.shape[2:])).reshape(
        boxes.shape[:-1]
    )


def coverage(sat: NDArray[np.uint16], boxes: NDArray[np.floating[Any]]) -> Floats:
    """Share of an image's foreground that lies inside each box.

    Four bilinear look-ups in the table; exact where a box's edges lie on the table's grid lines.

    Args:
        sat: (B, G + 1, G + 1) uint16 summed-area tables, 65535 at the last corner, all zero without
            foreground.
        boxes: (B, ..., 4) boxes (y0, x0, height, width) relative to the image, inside [0, 1].

    Returns:
        (B, ...) float64 in [0, 1]; zero without foreground.
    """
    count, lines, _ = sat.shape
    ends = np.array(np.asarray(boxes, np.float64).reshape(count, -1, 4))
    ends[..., 2:] += ends[..., :2]
    ends *= lines - 1
    low = ends.astype(np.int32)
    np.clip(low, 0, lines - 2, out=low)
    share = ends - low
    first = np.arange(count, dtype=np.int32)[:, None] * (lines * lines)
    table = sat.astype(np.float32).ravel()  # 65535 and every smaller integer is exact in float32
    total = np.zeros(ends.shape[:2])
    for y, x, sign in ((2, 3, 1), (0, 3, -1), (2, 1, -1), (0, 1, 1)):
        corner = first + low[..., y] * lines + low[..., x]
        down, right = share[..., y], share[..., x]
        upper, upper_right = table[corner], table[corner + 1]
        lower, lower_right = table[corner + lines], table[corner + (lines + 1)]
        upper = upper + (upper_right - upper) * right
        lower = lower + (lower_right - lower) * right
        total += sign * (upper + (lower - upper) * down)
    result: Floats = np.clip(total / SAT_SCALE, 0, 1).reshape(boxes.shape[:-1])
    return result


def foreground_area(meta: Meta) -> Floats:
    """(B,) float64, the foreground's share of each photo, from (B,) meta."""
    return np.asarray(meta["fg_area_ppm"] * 1e-6)


def center_crops(
    sizes: NDArray[np.number[Any]], ratio: tuple[float, float] = (3 / 4, 4 / 3)
) -> NDArray[np.float64]:
    """The largest centered crop whose aspect ratio lies within `ratio`: what RandomResizedCrop falls back to.

    Args:
        sizes: (B, 2) heights and widths, px.
        ratio: bounds of width / height.

    Returns:
        (B, 4) float64 boxes (top, left, height, width), px.
    """
    height, width = np.asarray(sizes, np.float64).T
    tall = np.where(width < ratio[0] * height, np.rint(width / ratio[0]), height)
    wide = np.where(width > ratio[1] * height, np.rint(height * ratio[1]), width)
    return np.stack([(height - tall) // 2, (width - wide) // 2, tall, wide], axis=-1)


def _tries(
    crops: Sequence[Crop], sat: NDArray[np.uint16], sizes: Floats, drawn: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """(B, V, T, 4) boxes in px, and which of them fit into their photo."""
    scale = np.array([crop.scale for crop in crops])[:, None]
    ratio = np.log([crop.ratio for crop in crops])[:, None]
    height, width = sizes[..., 0], sizes[..., 1]
    area = height * width * (scale[..., 0] + drawn[..., 0] * (scale[..., 1] - scale[..., 0]))
    root, stretch = (
        np.sqrt(area),
        np.exp((ratio[..., 0] + drawn[..., 1] * (ratio[..., 1] - ratio[..., 0])) / 2),
    )
    tried = np.empty(drawn.shape)
    tried[..., 2], tried[..., 3] = np.rint(root / stretch), np.rint(root * stretch)
    sides = tried[..., 2:]
    fits = np.asarray(((sides >= 1) & (sides <= sizes)).all(axis=-1))
    room = np.maximum(sizes - sides, 0)
    tried[..., :2] = np.floor(np.minimum(drawn[..., 2:] * (room + 1), room))
    drawn_to = [view for view, crop in enumerate(crops) if crop.center == "foreground"]
    if drawn_to:
        middle = np.broadcast_to(_centroids(sat), (len(sat), len(crops), 2))[:, drawn_to, None] * sizes
        tried[:, drawn_to, :, :2] = _around(middle, sizes, sides[:, drawn_to], drawn[:, drawn_to, :, 2:])
    return tried, fits


def _centroids(sat: NDArray[np.uint16]) -> Floats:
    """(B, V, 2) relative centroids of the masks; the middle of the photo without foreground."""
    share = sat.astype(np.float64) / SAT_SCALE
    below = np.stack([share[..., :, -1], share[..., -1, :]], axis=-2)  # distribution function along y and x
    lines = sat.shape[-1] - 1
    centroid = 1 - (below[..., 1:] + below[..., :-1]).sum(axis=-1) / (2 * lines)
    return np.asarray(np.where(sat[..., -1:, -1] > 0, centroid, 0.5))


def _around(middle: Floats, sizes: Floats, sides: Floats, drawn: Floats) -> Floats:
    """Top left corners of crops whose centers follow a normal law around `middle`, cut to where they fit."""
    room = np.maximum(sizes - sides, 0)
    low, high = ndtr((sides / 2 - middle) / sizes), ndtr((sizes - sides / 2 - middle) / sizes)
    center = middle + sizes * ndtri(low + drawn * (high - low))
    return np.asarray(np.clip(np.floor(center - sides / 2), 0, room))


def _holds_enough(
    crops: Sequence[Crop], sat: NDArray[np.uint16], meta: Meta, tried: Floats
) -> NDArray[np.bool_]:
    """(B, V, T) whether each try holds its view's least share of the foreground."""
    holds = np.ones(tried.shape[:-1], np.bool_)
    bound = [view for view, crop in enumerate(crops) if crop.fg_min > 0]
    if bound:
        size = np.tile(meta["size"][:, :1], 2)[:, :, None]
        some = tried if len(bound) == len(crops) else tried[:, bound]
        if sat.shape[1] > 1:
            sat, meta = sat[:, bound], meta[:, bound]
        share = covered(sat, np.minimum(some / size, 1))
        last = meta.shape[1] - 1
        needed = [_needed(crops[view], meta[:, min(place, last)]) for place, view in enumerate(bound)]
        enough = share + _QUANTUM >= np.stack(needed, axis=1)[..., None]
        holds[:, bound] = enough | (sat[..., -1, -1] == 0)[..., None]
    return holds


def _holds_within(
    crop: Crop, sat: NDArray[np.uint16], meta: Meta, tried: Floats, earlier: Floats
) -> NDArray[np.bool_]:
    """(B, T) whether each (B, T, 4) try holds its least share of the foreground in a (B, 4) earlier crop."""
    size = np.tile(meta["size"], 2)[:, None]
    common = common_part(tried, earlier[:, None])
    held = coverage(sat, np.minimum(common / size, 1))
    there = coverage(sat, np.minimum(earlier[:, None] / size, 1))
    return np.asarray(held + _QUANTUM >= _needed(crop, meta)[:, None] * there)


def _needed(crop: Crop, meta: Meta) -> Floats:
    """(B,) least share of the foreground in a crop; φ where the smallest crop can reach it (CAST's code)."""
    if crop.rule != "phi":
        return np.full(len(meta), crop.fg_min)
    return np.minimum(crop.fg_min, crop.scale[0] / np.maximum(foreground_area(meta), 1e-6))


def _pick(
    crop: Crop,
    meta: Meta,
    spare: Floats,
    tried: Floats,
    fits: NDArray[np.bool_],
    boxes: Floats,
) -> Floats:
    """(B, 4) boxes of one view, px, from its (B, T + 1, 4) tries and the (B, V, 4) boxes of earlier views."""
    if crop.centered:
        return _centered_squares(meta["size"].astype(np.float64), crop.centered)
    good, inside = fits[:, :TRIES], tried[:, :TRIES]
    if crop.overlap_of is not None:
        shared = intersection(inside, boxes[:, None, crop.overlap_of])
        good = good & (shared >= crop.overlap_min * inside[..., 2] * inside[..., 3])
    if crop.iou is not None:
        off = off_bounds(inside, boxes[:, None, crop.iou[0]], crop.iou[1:])
        off[~good] = np.inf
        first, found = off.argmin(axis=1), good.any(axis=1)  # the first of the smallest
    else:
        first, found = good.argmax(axis=1), good.any(axis=1)
    chosen = np.take_along_axis(tried, first[:, None, None], axis=1)[:, 0]
    if not found.all():
        chosen[~found] = _fallback(crop, meta[~found], spare[~found], tried[~found, -1], fits[~found, -1])
    return chosen


def _centered_squares(sizes: Floats, share: float) -> Floats:
    """(B, 4) boxes, px, in the middle of (B, 2) photos, with this share of their shorter sides."""
    side = np.maximum(np.rint(share * sizes.min(axis=1)), 1)
    sides = np.stack([side, side], axis=1)
    return np.concatenate([(sizes - sides) // 2, sides], axis=1)


def _fallback(crop: Crop, meta: Meta, spare: Floats, free: Floats, free_fits: NDArray[np.bool_]) -> Floats:
    """(B, 4) boxes, px, of the rows of which no try was good."""
    sizes = meta["size"].astype(np.float64)
    centered = center_crops(sizes, crop.ratio)
    if crop.rule == "overlap":
        return np.where(free_fits[:, None], free, centered)
    if crop.rule == "phi":
        return np.where(
            meta["fg_area_ppm"][:, None] > 0, _grown(meta["fg_box"], sizes, spare, crop.ratio), centered
        )
    return centered


def _grown(foreground: NDArray[np.int32], sizes: Floats, drawn: Floats, ratio: tuple[float, float]) -> Floats:
    """The foreground's (B, 4) boxes (y0, x0, y1, x1), sides moved outwards at random, cut to the ratio."""
    core = foreground.astype(np.float64)
    room = np.concatenate([core[:, :2], sizes - core[:, 2:]], axis=1)
    step = np.floor(drawn * (room + 1))
    low, high = core[:, :2] - step[:, :2], core[:, 2:] + step[:, 2:]
    tall, wide = (high - low).T
    sides = np.stack(
        [
            np.where(wide < ratio[0] * tall, np.floor(wide / ratio[0]), tall),
            np.where(wide > ratio[1] * tall, np.floor(tall * ratio[1]), wide),
        ],
        axis=1,
    )
    moved = np.maximum(low, core[:, 2:] - sides)
    centered = np.floor((core[:, :2] + core[:, 2:] - sides) / 2)
    start = np.where(sides < core[:, 2:] - core[:, :2], centered, moved)
    return np.concatenate([start, sides], axis=1)
