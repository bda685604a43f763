"""The maps of a student's teachers: mask methods run photo by photo, or masks that are there already."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.io.images.encode import resize_mask
from maskgen.methods import make_method
from maskgen.pipelines.given.tree import SUFFIXES, MaskTree
from maskgen.types import RGB, Method, SoftMask

from ..settings.teachers import FILES, Teacher
from .photos import Drawn, Opened

HALF = 127.5
"""Where maps of 0..255 are cut."""


@dataclass
class TeacherMaps:
    """The task of this step: the maps of all teachers of a photo.

    Each method is made once a process, with as many threads as `OMP_NUM_THREADS` says.

    Args:
        opened: reads the photos.
        teachers: in the order of the result.
        side: of the square, px.
        mirror: whether a method's map is the mean of the photo's and its mirror image's (`Preset.mirror`);
            masks of a folder are taken as they are.
    """

    opened: Opened
    teachers: tuple[Teacher, ...]
    side: int
    mirror: bool = False
    _methods: dict[str, Method] = field(default_factory=dict)

    def __call__(self, item: tuple[Drawn, str]) -> NDArray[np.uint8]:
        """(teachers, side, side) uint8 0..255.

        Args:
            item: the photo, and the SHA-256 that its bytes had when it was drawn.

        Raises:
            ImageFault: it cannot be read any more, has changed, or a teacher has no mask of it.
        """
        image = self.opened.again(*item)
        maps = []
        for teacher in self.teachers:
            if teacher.method == FILES:
                maps.append(read_mask(Path(teacher.path), item[0].path, self.opened.sources[0].max_bytes))
                continue
            if teacher.name not in self._methods:
                self._methods[teacher.name] = make_method(teacher.method, teacher.options)
            maps.append(self._map(self._methods[teacher.name], image))
        return small_maps(maps, self.side)

    def _map(self, method: Method, image: RGB) -> SoftMask:
        """Of a photo in [0, 1], (H, W)."""
        found = method(image)
        if self.mirror:
            mirrored = method(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
            found = (found + mirrored) * np.float32(0.5)
        return found


def small_maps(maps: Sequence[NDArray[np.floating]], side: int) -> NDArray[np.uint8]:
    """Maps of a photo in [0, 1], (H, W) each, as (N, side, side) uint8 0..255."""
    small = [resize_mask(one, (side, side)) for one in maps]
    levels: NDArray[np.uint8] = np.rint(np.stack(small).clip(0, 1) * 255).astype(np.uint8)
    return levels


def read_mask(folder: Path, photo: str, max_bytes: int) -> SoftMask:
    """The mask of a photo in a folder, see `MaskTree.find`.

    Args:
        folder: of the masks.
        photo: its path inside its own folder.
        max_bytes: the largest file that is read.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ImageFault: there is none, or it cannot be used.
    """
    levels = _mask_tree(folder, max_bytes).find(photo)
    if levels is None:
        raise ImageFault("no-mask", f"{folder.name} holds no {PurePosixPath(photo).with_suffix(SUFFIXES[0])}")
    mask: SoftMask = levels.astype(np.float32) / np.float32(255)
    return mask


@lru_cache(maxsize=16)
def _mask_tree(folder: Path, max_bytes: int) -> MaskTree:
    """One for all photos of a folder: it remembers what it has seen of the masks beside one."""
    return MaskTree(folder, max_bytes)


def overlaps(labels: NDArray[Any], found: NDArray[Any]) -> NDArray[np.float64]:
    """(N,) intersection over union of two (N, S, S) maps, 0..255, cut in the middle; 1 if both are empty."""
    one, other = labels > HALF, found > HALF
    both, either = (one & other).sum((1, 2)), (one | other).sum((1, 2))
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def least_overlaps(maps: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) the least of `overlaps` between any two teachers' (N, teachers, S, S) maps; 1 for a single one.

    Example:
        >>> import numpy as np
        >>> from maskgen.pipelines.distill.data.teachers import least_overlaps
        >>> maps = np.array([[[[0, 255, 255, 255]], [[0, 0, 255, 255]]]], np.uint8)
        >>> least_overlaps(maps).tolist()
        [0.6666666666666666]
    """
    least = np.ones(len(maps))
    for one, other in itertools.combinations(range(maps.shape[1]), 2):
        least = np.minimum(least, overlaps(maps[:, one], maps[:, other]))
    return least
