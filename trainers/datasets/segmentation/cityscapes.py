"""Cityscapes as it is downloaded: photos of streets with 19 classes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from maskgen.errors import UsageError

from ..index_png import VOID, read_indices
from .segmented import Classes, Segmented

CLASSES = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
"""The classes that are judged, in the order of their numbers in labelTrainIds, with those in labelIds."""
LAYOUT = (
    "leftImg8bit/SPLIT/CITY/*_leftImg8bit.png beside "
    "gtFine/SPLIT/CITY/*_gtFine_labelIds.png or *_gtFine_labelTrainIds.png"
)
_PHOTOS, _TRUTHS, _ENDING = "leftImg8bit", "gtFine", "_leftImg8bit.png"


def is_cityscapes(path: Path) -> bool:
    """Whether a folder has a part of Cityscapes's layout."""
    return (path / _PHOTOS).is_dir() or (path / _TRUTHS).is_dir()


def open_cityscapes(path: Path, split: str) -> Segmented:
    """A split of Cityscapes with its fine annotations, by the names of cities and files.

    ``labelTrainIds`` are taken where all photos have them, else ``labelIds``, whose numbers are changed into
    those. Numbers of no judged class count as void.

    Args:
        path: the folder of leftImg8bit and gtFine.
        split: ``train`` or ``val``.

    Raises:
        UsageError: it is no Cityscapes, or lacks the split.
        SourceFault: a photo has no annotation.
    """
    photos = tuple(sorted((path / _PHOTOS / split).glob(f"*/*{_ENDING}")))
    if not photos:
        there = sorted(one.name for one in (path / _PHOTOS).glob("*") if one.is_dir())
        raise UsageError(
            f"there are no photos of the split {split!r}",
            where=str(path / _PHOTOS / split),
            cause=f"{_PHOTOS} has {', '.join(there[:5])}" if there else f"{_PHOTOS} is missing or empty",
            remedy=f"give the folder of {LAYOUT}",
        )
    names = tuple(photo.name.removesuffix(_ENDING) for photo in photos)
    cities = [path / _TRUTHS / split / photo.parent.name for photo in photos]
    stems = [city / name for city, name in zip(cities, names, strict=True)]
    train_ids, ids = (
        tuple(stem.with_name(f"{stem.name}_gtFine_{kind}.png") for stem in stems)
        for kind in ("labelTrainIds", "labelIds")
    )
    known = all(one.is_file() for one in train_ids)
    read = partial(read_indices, masks=False) if known else _read_ids
    return Segmented(names, photos, train_ids if known else ids, tuple(CLASSES), read, LAYOUT).check()


def _read_ids(path: Path) -> Classes:
    table = np.full(256, VOID, np.uint8)
    for number, label in enumerate(CLASSES.values()):
        table[label] = number
    numbers: Classes = table[read_indices(path, masks=False)]
    return numbers
