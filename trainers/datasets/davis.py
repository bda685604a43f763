"""DAVIS as it is downloaded: clips of frames with the objects in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import SourceFault, UsageError

from .index_png import VOID, read_indices

FRAMES, MASKS, LISTS = "JPEGImages", "Annotations", "ImageSets"
_RESOLUTION = "480p"
_YEARS = ("2017", "2016")
_FEWEST = 3
"""Frames of a clip: the first is given, and the first and last are not judged."""


@dataclass(frozen=True)
class Clip:
    """One clip.

    Args:
        name: of its folder.
        frames: the pictures, in time's order.
        masks: of each frame.
    """

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...]

    def truth(self, frame: int) -> NDArray[np.uint8]:
        """(H, W) numbers of objects, 0 for the background and 255 for what does not count.

        Raises:
            SourceFault: the annotation cannot be read.
        """
        return read_indices(self.masks[frame])

    def objects(self) -> int:
        """How many objects there are: the largest number in any frame.

        Raises:
            SourceFault: an annotation cannot be read, or the first frame has no object.
        """
        largest = [
            int(np.max(truth, where=truth != VOID, initial=0)) for truth in map(read_indices, self.masks)
        ]
        if not largest[0]:
            raise SourceFault(
                "the first frame of a clip has no object",
                where=str(self.masks[0]),
                remedy="leave the clip out of the list in ImageSets: there is nothing to follow",
            )
        return max(largest)

    def fingerprint(self) -> str:
        """Of the files' names and sizes."""
        return digest([(path.name, path.stat().st_size) for path in (*self.frames, *self.masks)])


def open_davis(root: Path, split: str = "val") -> tuple[Clip, ...]:
    """The clips of a split, in the list's order.

    DAVIS-2017 has ``JPEGImages/480p/CLIP``, ``Annotations/480p/CLIP`` and ``ImageSets/2017/SPLIT.txt``, a
    clip a line. Without 480p and without lists, as in parts of DAVIS-2016, all clips are taken, by name.

    Args:
        root: the folder that holds them.
        split: of ``ImageSets``.

    Raises:
        UsageError: it is no DAVIS, or has no such split.
        SourceFault: a clip lacks frames or annotations.
    """
    if not ((root / FRAMES).is_dir() and (root / MASKS).is_dir()):
        raise UsageError(
            f"there is no {FRAMES} beside {MASKS}",
            where=str(root),
            remedy="give the folder DAVIS that its archive unpacks",
        )
    frames, masks = (root / kind / _RESOLUTION for kind in (FRAMES, MASKS))
    if not masks.is_dir():
        frames, masks = root / FRAMES, root / MASKS
    return tuple(_open_clip(name, frames / name, masks / name) for name in _names(root, split, masks))


def _names(root: Path, split: str, masks: Path) -> Sequence[str]:
    lists = [root / LISTS / year / f"{split}.txt" for year in _YEARS]
    found = next((path for path in lists if path.is_file()), None)
    if found is not None:
        names = _read_list(found)
    elif (root / LISTS).is_dir():
        raise UsageError(
            f"there is no split {split!r}",
            where=str(lists[0]),
            remedy="give one of the lists there, such as val",
        )
    else:
        names = sorted(path.name for path in masks.iterdir() if path.is_dir())
    if not names or any(Path(name).name != name for name in names):
        raise UsageError(
            "no clips are named", where=str(found or masks), remedy="a clip's name a line, such as camel"
        )
    return names


def _read_list(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "cannot read a list of clips",
            where=str(file),
            cause=str(error),
            remedy="unpack DAVIS's archive again, or write a clip's name a line",
        ) from error


def _open_clip(name: str, frames: Path, masks: Path) -> Clip:
    found = {path.stem: path for path in sorted(frames.glob("*.jpg"))}
    truths = {path.stem: path for path in sorted(masks.glob("*.png"))}
    if found.keys() != truths.keys() or len(found) < _FEWEST:
        raise SourceFault(
            f"the clip has {len(found)} frames and {len(truths)} annotations",
            where=f"{frames} and {masks}",
            cause=f"each frame has one of the same name, and there are at least {_FEWEST}",
            remedy="unpack DAVIS's archive of 480p with all annotations (trainval)",
        )
    return Clip(name, tuple(found.values()), tuple(truths.values()))
