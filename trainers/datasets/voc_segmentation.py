"""PASCAL VOC's segmentation as it is downloaded: photos with the class of each pixel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.errors import ImageFault, SourceFault, UsageError
from maskgen.io.images.decode import Limits, decode
from maskgen.types import RGB

from .index_png import VOID, read_indices

CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
_PLACES = (".", "VOC2012", "VOCdevkit/VOC2012")
_LISTS, _PHOTOS, _TRUTHS = Path("ImageSets/Segmentation"), "JPEGImages", "SegmentationClass"
_NAME = re.compile(r"\w[\w.-]*")
_LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)


@dataclass(frozen=True)
class Segmented:
    """The photos of a split, with the class of each pixel.

    Args:
        root: VOC2012.
        names: of the photos, without endings.
    """

    root: Path
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def truth_path(self, number: int) -> Path:
        """Where a photo's annotation lies."""
        return self.root / _TRUTHS / f"{self.names[number]}.png"

    def photo(self, number: int) -> RGB:
        """(H, W, 3) uint8.

        Raises:
            SourceFault: it is missing or does not decode.
        """
        path = self.root / _PHOTOS / f"{self.names[number]}.jpg"
        try:
            return decode(path.read_bytes(), _LIMITS).image
        except (OSError, ImageFault) as error:
            raise SourceFault(
                "cannot read a photo", where=str(path), cause=str(error), remedy="unpack VOC's archive again"
            ) from error

    def truth(self, number: int) -> NDArray[np.uint8]:
        """(H, W) numbers of `CLASSES`, 255 for what does not count.

        Raises:
            SourceFault: it cannot be read, or has other numbers.
        """
        path = self.truth_path(number)
        found = read_indices(path)
        if np.any((found >= len(CLASSES)) & (found != VOID)):
            raise SourceFault(
                "a pixel has a class that VOC does not have",
                where=str(path),
                cause="SegmentationObject numbers objects, SegmentationClass classes",
                remedy=f"give classes from 0 to {len(CLASSES) - 1}, and {VOID}",
            )
        return found

    def fingerprint(self) -> str:
        """Of the names, and the annotations' sizes."""
        return digest([(self.names[n], self.truth_path(n).stat().st_size) for n in range(len(self))])


def open_voc_segmentation(path: Path, split: str) -> Segmented:
    """A split of VOC's segmentation.

    Args:
        path: VOC2012, or a folder that holds it or VOCdevkit, as the archives unpack.
        split: ``train``, ``val`` and so on, of ImageSets/Segmentation.

    Raises:
        UsageError: it is no VOC, or lacks the split.
        SourceFault: an annotation is missing.
    """
    root = next((path / place for place in _PLACES if (path / place / _TRUTHS).is_dir()), None)
    if root is None:
        raise UsageError(
            f"there is no {_TRUTHS}",
            where=str(path),
            remedy="give VOC2012, or the folder that its archive was unpacked in",
        )
    listed = root / _LISTS / f"{split}.txt"
    try:
        names = tuple(listed.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the split {split!r}",
            where=str(listed),
            cause=str(error),
            remedy="give one of the lists there, such as val",
        ) from error
    if not names or not all(_NAME.fullmatch(name) for name in names):
        raise UsageError("the list names no photos", where=str(listed), remedy="unpack VOC's archive again")
    found = Segmented(root, names)
    missing = [n for n in range(len(names)) if not found.truth_path(n).is_file()]
    if missing:
        raise SourceFault(
            f"{len(missing)} of {len(names)} annotations are missing",
            where=str(found.truth_path(missing[0])),
            remedy="unpack VOC's archive again",
        )
    return found
