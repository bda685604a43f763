"""COCO instances as masks: all objects of a photo drawn together, crowds left out."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from maskgen.errors import ImageFault, SourceFault
from maskgen.evaluation.coco import CocoTruth, read_instances, union
from maskgen.evaluation.names import name_of

from .fit import Found


class CocoMasks:
    """The masks of an ``instances_*.json``, which is held in memory.

    Args:
        file: it.

    Raises:
        SourceFault: not such a file.
    """

    def __init__(self, file: Path) -> None:
        self._masks = read_instances(file)

    def find(self, photo: str) -> Found | None:
        """The mask of a photo, by its file name; an image without objects has an empty one.

        Args:
            photo: its path, which ends like the ``file_name``; endings such as .jpg may differ.

        Returns:
            Levels 0 and 255; None for a photo that is not listed.

        Raises:
            ImageFault: a segmentation is not as COCO defines it.
        """
        found = self._masks.get(name_of(photo))
        if found is None or not _ends_alike(photo, found):
            return None
        try:
            mask = union(found.instances, found.size, found.where)
        except SourceFault as fault:
            raise ImageFault("bad-mask", f"{fault.what}: {fault.cause}") from fault
        return Found(np.where(mask, np.uint8(255), np.uint8(0)), found.size)


def _ends_alike(photo: str, found: CocoTruth) -> bool:
    """Whether the folders in ``file_name``, if it has some, are those of the photo."""
    wanted = PurePosixPath(found.where).parts[:-1]
    there = PurePosixPath(photo).parts[:-1]
    return not wanted or there[-len(wanted) :] == wanted
