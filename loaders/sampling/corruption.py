"""Masks corrupted on purpose, to measure how much a method depends on good ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.shards.coverage import FG_SIDE, GRID, SAT_SCALE

from ..order.permutation import mix64
from ..reading.buffers import Small
from ..recipes.parts import Corruption
from .uniforms import uniforms

Floats = NDArray[np.float64]
_STREAM = 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_CENTER = np.array([[1, 0, FG_SIDE / 2], [0, 1, FG_SIDE / 2], [0, 0, 1]])
_BACK = np.array([[1, 0, -FG_SIDE / 2], [0, 1, -FG_SIDE / 2], [0, 0, 1]])


class _Task(NamedTuple):
    """A batch of masks to be corrupted: by how much, and with which (B, 4) random numbers."""

    amount: float
    masks: Small
    drawn: Floats

    @property
    def sizes(self) -> NDArray[np.int32]:
        sizes: NDArray[np.int32] = self.masks.meta["size"]
        return sizes

    @property
    def boxes(self) -> NDArray[np.int32]:
        boxes: NDArray[np.int32] = self.masks.meta["fg_box"]
        return boxes

    @property
    def signed(self) -> Floats:
        """(B, 4) amounts from -amount to +amount."""
        return self.amount * (2 * self.drawn - 1)


def corrupt(
    corruption: Corruption,
    masks: Small,
    samples: NDArray[np.int64],
    *,
    seed: int,
    epoch: int,
    level: int,
    use: int = 0,
) -> Small:
    """The masks of a batch, corrupted, with their tables, boxes and areas: crops are chosen by them.

    Each view of a photo, and the negative that it becomes, has a corruption of its own: "on each use of the
    mask" (Ryali et al., A.2, which also has "in every epoch"). Turns and shears are about the photo's center,
    in its own aspect ratio. The rectangles' shapes are ours, as RELICv2 (H.2) does not give them: relative to
    the photo, aspect ratios from 1/2 to 2 where the mask is replaced, and the photo's own where one is added
    or removed.

    Args:
        corruption: what to do.
        masks: of B samples.
        samples: (B,) int64 numbers of the samples in the data set.
        seed: of the run.
        epoch: from 0.
        level: smallest mask value that counts as foreground, 1..255.
        use: number of the view that it is for, the negative's behind the last one.
    """
    drawn = uniforms(seed, epoch, samples, 4, stream=_STREAM, first=4 * use).astype(np.float64)
    fg = _CHANGES[corruption.change](_Task(corruption.amount, masks, drawn))
    hard = fg >= level
    meta = masks.meta.copy()
    meta["fg_area_ppm"] = np.rint(hard.mean(axis=(1, 2)) * 1e6)
    meta["fg_box"] = _boxes(hard, masks.meta["size"])
    return Small(_tables(hard), fg, meta)


def corrupt_each(
    corruption: Corruption,
    masks: Small,
    samples: NDArray[np.int64],
    *,
    seed: int,
    epoch: int,
    level: int,
    uses: int,
) -> Small:
    """The masks of a batch, corrupted for each of V uses: fields are (B, V, ...); arguments as `corrupt`."""
    made = [
        corrupt(corruption, masks, samples, seed=seed, epoch=epoch, level=level, use=use)
        for use in range(uses)
    ]
    return Small(*(np.stack(field, axis=1) for field in zip(*made, strict=True)))


def _tables(hard: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Summed-area tables of (B, 128, 128) masks, whose cells fill the table's evenly."""
    step = FG_SIDE // GRID
    cells = hard.reshape(len(hard), GRID, step, GRID, step).sum(axis=(2, 4), dtype=np.int64)
    whole = cells.cumsum(axis=1).cumsum(axis=2)
    total = np.maximum(whole[:, -1:, -1:], 1)
    table = np.zeros((len(hard), GRID + 1, GRID + 1), np.uint16)
    table[:, 1:, 1:] = np.rint(whole * (SAT_SCALE / total))
    return table


def _boxes(hard: NDArray[np.bool_], sizes: NDArray[np.int32]) -> NDArray[np.int32]:
    """(B, 4) bounding boxes (y0, x0, y1, x1) in px of the photos; zeros without foreground."""
    boxes = np.zeros((len(hard), 4), np.int32)
    for axis in (0, 1):
        used = np.asarray(hard.any(axis=2 - axis))
        scale = sizes[:, axis] / FG_SIDE
        boxes[:, axis] = np.floor(used.argmax(axis=1) * scale)
        boxes[:, axis + 2] = np.ceil((FG_SIDE - used[:, ::-1].argmax(axis=1)) * scale)
    boxes[~hard.any(axis=(1, 2))] = 0
    return boxes


def _rotate(task: _Task) -> NDArray[np.uint8]:
    angle = np.deg2rad(task.signed[:, 0])
    cos, sin = np.cos(angle), np.sin(angle)
    return _warp(task.masks, np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2))


def _shear(task: _Task) -> NDArray[np.uint8]:
    slope = np.tan(np.deg2rad(task.signed))
    one = np.ones(len(slope))
    return _warp(task.masks, np.stack([one, slope[:, 0], slope[:, 1], one], axis=1).reshape(-1, 2, 2))


def _translate(task: _Task) -> NDArray[np.uint8]:
    extent = (task.boxes[:, 2:] - task.boxes[:, :2]) / task.sizes * FG_SIDE  # height, width, in cells
    matrices = np.tile(np.eye(3), (len(extent), 1, 1))
    matrices[:, :2, 2] = (task.signed[:, :2] * extent)[:, ::-1]
    return _moved(task.masks.fg, matrices)


def _warp(masks: Small, linear: Floats) -> NDArray[np.uint8]:
    """Apply (B, 2, 2) maps of (x, y) in px about the photo's center to masks on square grids."""
    height, width = masks.meta["size"].astype(np.float64).T
    inner = np.tile(np.eye(3), (len(linear), 1, 1))
    inner[:, :2, :2] = linear
    inner[:, 0, 1] *= height / width
    inner[:, 1, 0] *= width / height
    return _moved(masks.fg, _CENTER @ inner @ _BACK)


def _moved(fg: NDArray[np.uint8], matrices: Floats) -> NDArray[np.uint8]:
    """Masks under (B, 3, 3) maps of (x, y) in cells, from the grid's corner; empty where nothing was."""
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])  # cv2 counts from the center of the first cell
    turned = half @ matrices @ np.linalg.inv(half)
    side = (FG_SIDE, FG_SIDE)
    moved = [cv2.warpAffine(mask, turn[:2], side) for mask, turn in zip(fg, turned, strict=True)]
    return np.asarray(moved, np.uint8).reshape(fg.shape)


def _flip(task: _Task) -> NDArray[np.uint8]:
    return np.where((task.drawn[:, 0] < task.amount)[:, None, None], task.masks.fg[:, :, ::-1], task.masks.fg)


def _rectangles(low: Floats, sides: Floats) -> NDArray[np.uint8]:
    """Masks of (B, 2) corners and sides relative to the photo; values are shares of cells."""
    cells = np.arange(FG_SIDE)
    start, end = low[..., None] * FG_SIDE, (low + sides)[..., None] * FG_SIDE
    share = np.clip(np.minimum(end, cells + 1) - np.maximum(start, cells), 0, 1)
    return np.asarray(np.rint(255 * share[:, 0, :, None] * share[:, 1, None, :]), np.uint8)


def _sides(task: _Task) -> Floats:
    """(B, 2) relative heights and widths of one area, their ratio log-uniform in [1/2, 2] where that fits."""
    reach = min(np.log(2), -np.log(max(task.amount, 1e-9)))
    stretch = np.exp(reach * (task.drawn[:, 0] - 0.5))
    return np.asarray(np.sqrt(task.amount) * np.stack([stretch, 1 / stretch], axis=1))


def _random_points(task: _Task) -> NDArray[np.uint8]:
    """`amount` of all cells, each as likely as any other: those with the smallest of 128 x 128 hashes."""
    bits = np.rint(task.drawn[:, :2] * 2**24).astype(np.uint64)
    start = mix64(bits[:, 0] << np.uint64(24) | bits[:, 1])
    hashes = mix64(start[:, None] + np.arange(FG_SIDE**2, dtype=np.uint64) * _GOLDEN)
    chosen = hashes.argsort(axis=1)[:, : round(task.amount * FG_SIDE**2)]
    points = np.zeros((len(chosen), FG_SIDE**2), np.uint8)
    np.put_along_axis(points, chosen, np.uint8(255), axis=1)
    return points.reshape(-1, FG_SIDE, FG_SIDE)


def _random_rectangle(task: _Task) -> NDArray[np.uint8]:
    sides = _sides(task)
    return _rectangles((1 - sides) * task.drawn[:, 1:3], sides)


def _centred_rectangle(task: _Task) -> NDArray[np.uint8]:
    sides = _sides(task)
    return _rectangles((1 - sides) / 2, sides)


def _middle(task: _Task) -> NDArray[np.uint8]:
    """Centered rectangles of `amount` times the foreground's area, shaped as the photo."""
    side = np.sqrt(task.amount * task.masks.meta["fg_area_ppm"] * 1e-6)
    sides = np.stack([side, side], axis=1)
    return _rectangles((1 - sides) / 2, sides)


def _add(task: _Task) -> NDArray[np.uint8]:
    return np.maximum(task.masks.fg, _middle(task))


def _remove(task: _Task) -> NDArray[np.uint8]:
    return np.minimum(task.masks.fg, 255 - _middle(task))


def _box(task: _Task) -> NDArray[np.uint8]:
    box = task.boxes / np.tile(task.sizes, 2)
    return _rectangles(box[:, :2], box[:, 2:] - box[:, :2])


_CHANGES: dict[str, Callable[[_Task], NDArray[np.uint8]]] = {
    "rotate": _rotate,
    "shear": _shear,
    "translate": _translate,
    "flip": _flip,
    "random_points": _random_points,
    "random_rectangle": _random_rectangle,
    "centred_rectangle": _centred_rectangle,
    "add_rectangle": _add,
    "remove_rectangle": _remove,
    "box": _box,
}
