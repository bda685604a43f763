"""COCO instances as truth: polygons and run lengths to one foreground mask per image.

Rasterized as pycocotools does, pixel for pixel (its tests are our oracle): a polygon is traced on a grid five
times finer and a pixel belongs to it by the parity of the crossings above its center. OpenCV's fillPoly
rounds the corners and includes the border, so it would draw every object about half a pixel larger.
"""

from __future__ import annotations

import io
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceFault
from ..io.rle import decode_runs
from ..io.storage.location import Location
from ..io.storage.reading import open_stream
from ..types import HardMask
from .names import name_of

_FINE = 5  # sub-pixels per pixel and axis
_MAX_COORDINATE = 1 << 17  # px; a stray corner must not cost gigabytes
_MAX_PIXELS = 1 << 28

Segmentation: TypeAlias = Any
"""As in the file: a list of polygons [x0, y0, x1, y1, ...], or run lengths.

Run lengths are {"size": [h, w], "counts": ...}.
"""


class CocoTruth(NamedTuple):
    """The segmentations of one image, not drawn yet.

    Args:
        where: the image's file name, for messages.
        size: (height, width), px.
        instances: segmentations of objects.
        crowds: segmentations marked ``iscrowd``.
    """

    where: str
    size: tuple[int, int]
    instances: tuple[Segmentation, ...]
    crowds: tuple[Segmentation, ...]

    def draw(self) -> tuple[HardMask, HardMask]:
        """The union of all instances, and the pixels to ignore: in a crowd and in no instance.

        Returns:
            Two (H, W) bool masks.

        Raises:
            SourceFault: a segmentation is not as COCO defines it.
        """
        truth = union(self.instances, self.size, self.where)
        return truth, union(self.crowds, self.size, self.where) & ~truth


@dataclass
class _Parts:
    instances: list[Segmentation] = field(default_factory=list)
    crowds: list[Segmentation] = field(default_factory=list)


def read_instances(path: Location) -> dict[str, CocoTruth]:
    """The truths of an ``instances_*.json``, by the name of the image's file.

    Takes about three times the file's size of memory at its peak: numbers are packed as they are read.

    Raises:
        SourceFault: not such a file, or two images with one name.
    """
    try:
        raw = _load(path)
        parts: dict[int, _Parts] = {image["id"]: _Parts() for image in raw["images"]}
        for annotation in raw["annotations"]:
            of_image = parts[annotation["image_id"]]
            group = of_image.crowds if annotation.get("iscrowd") else of_image.instances
            group.append(annotation["segmentation"])
        truths: dict[str, CocoTruth] = {}
        for image in raw["images"]:
            _add(truths, image, parts[image["id"]], path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceFault(
            "cannot read COCO instances",
            where=str(path),
            cause=_cause(error),
            remedy="give an instances_*.json, or a folder of masks",
        ) from error
    return truths


def _cause(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not a text file"
    if isinstance(error, KeyError):
        name = error.args[0]
        return (
            f"no {name!r}" if name in _FIELDS else f"an annotation is of image {name!r}, which is not listed"
        )
    return str(error)


def _load(path: Location) -> dict[str, Any]:
    with io.TextIOWrapper(open_stream(path), encoding="utf-8-sig") as file:
        raw = json.load(file, object_hook=_packed)
    if not isinstance(raw, dict):
        raise TypeError("it is no object with images and annotations, as a file of results is none")
    return raw


_FIELDS = ("images", "annotations", "id", "image_id", "segmentation", "file_name", "height", "width")
_KEPT = ("image_id", "iscrowd", "segmentation")


def _packed(value: dict[str, Any]) -> dict[str, Any]:
    """An annotation as what is needed of it, its polygons as arrays of doubles.

    A quarter of the lists' memory.
    """
    polygons = value.get("segmentation")
    if not isinstance(polygons, list):
        return value
    try:
        kept = {name: value[name] for name in _KEPT if name in value}
        return kept | {"segmentation": [array("d", polygon) for polygon in polygons]}
    except (TypeError, OverflowError):  # no numbers: drawing says so, with the image's name
        return value


def _add(truths: dict[str, CocoTruth], image: dict[str, Any], parts: _Parts, path: Location) -> None:
    name, size = name_of(image["file_name"]), (int(image["height"]), int(image["width"]))
    if min(size) < 1 or size[0] * size[1] > _MAX_PIXELS:
        raise ValueError(f"image {name!r} of {size[1]}x{size[0]} px")
    if name in truths:
        raise SourceFault(f"two images are named {name!r}", where=str(path), remedy="rename one of them")
    truths[name] = CocoTruth(image["file_name"], size, tuple(parts.instances), tuple(parts.crowds))


def union(segmentations: Sequence[Segmentation], size: tuple[int, int], where: str) -> HardMask:
    """All segmentations drawn into one (H, W) bool mask.

    Raises:
        SourceFault: one is not as COCO defines it; `where` is named.
    """
    whole = np.zeros(size, bool)
    for segmentation in segmentations:
        try:
            if isinstance(segmentation, dict):
                whole |= _from_runs(segmentation, size)
                continue
            for polygon in segmentation:
                whole |= _from_polygon(polygon, size)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise SourceFault(
                "cannot draw a COCO segmentation",
                where=where,
                cause=str(error),
                remedy="mend this entry, or leave its image out of the file",
            ) from error
    return whole


def _from_runs(runs: dict[str, Any], size: tuple[int, int]) -> HardMask:
    if tuple(runs["size"]) != size:
        raise ValueError(f"run lengths for {runs['size']}, the image is {list(size)}")
    return decode_runs(runs["counts"], size)


def _from_polygon(polygon: Sequence[float], size: tuple[int, int]) -> HardMask:
    corners = np.asarray(polygon, np.float64)
    # Of one or two corners, as some files have it, encloses nothing: its way out and back crosses the same
    # pixels.
    if corners.ndim != 1 or corners.size < 2 or corners.size % 2:
        raise ValueError(f"a polygon of {corners.size} numbers")
    if not (np.abs(corners) <= _MAX_COORDINATE).all():
        raise ValueError("a polygon's corner lies far outside, or is not finite")
    x, y = _outline((corners.reshape(-1, 2) * _FINE + 0.5).astype(np.int64))
    moved = np.flatnonzero(np.diff(x))
    # A step across the middle of a pixel column crosses it once; the pixels below change sides.
    left, top = np.minimum(x[moved], x[moved + 1]), np.minimum(y[moved], y[moved + 1])
    column, middle = np.divmod(left, _FINE)
    height, width = size
    crosses = (middle == _FINE // 2) & (column >= 0) & (column < width)
    row = np.clip((top[crosses] + _FINE // 2) // _FINE, 0, height)
    changes = np.bincount(column[crosses] * height + row, minlength=height * width + 1)
    inside = np.cumsum(changes[: height * width]) % 2 == 1
    mask: HardMask = inside.reshape(width, height).T
    return mask


def _outline(corners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every grid point on the closed outline, edge by edge: one per step along the edge's longer axis."""
    ends = np.roll(corners, -1, axis=0)
    steps = np.abs(ends - corners).max(axis=1)
    edge = np.repeat(np.arange(len(corners)), steps + 1)
    done = np.arange(len(edge)) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
    wide = np.abs(ends - corners)[:, 0] >= np.abs(ends - corners)[:, 1]
    long, short = np.where(wide, 0, 1), np.where(wide, 1, 0)
    every = np.arange(len(corners))
    # Rounding depends on the direction: the slope is always taken towards growing coordinates.
    backward = corners[every, long] > ends[every, long]
    first, last = np.where(backward[:, None], ends, corners), np.where(backward[:, None], corners, ends)
    slope = (last - first)[every, short] / np.maximum(steps, 1)
    at = np.where(backward[edge], steps[edge] - done, done)
    along = first[every, long][edge] + at
    across = (first[every, short][edge] + slope[edge] * at + 0.5).astype(np.int64)
    return np.where(wide[edge], along, across), np.where(wide[edge], across, along)
