"""Which layout a folder has."""

from __future__ import annotations

from pathlib import Path

from maskgen.errors import UsageError

from .cityscapes import LAYOUT as CITYSCAPES
from .cityscapes import is_cityscapes, open_cityscapes
from .segmented import Segmented
from .voc import CLASSES, find_voc, open_voc_segmentation
from .voc import LAYOUT as VOC


def open_segmented(
    path: Path,
    split: str,
    *,
    listed: Path | None = None,
    sbd: Path | None = None,
    classes: tuple[str, ...] = (),
) -> Segmented:
    """A split of a set in VOC's or Cityscapes's layout; the last three are for VOC's.

    Args:
        path: the folder that the set was unpacked in.
        split: such as ``train``.
        listed: see `open_voc_segmentation`.
        sbd: likewise.
        classes: names of the classes, of data of one's own; empty: VOC's.

    Raises:
        UsageError: it has neither layout, has no such split, or an option is not for it.
        SourceFault: files are missing.
    """
    if find_voc(path) is not None:
        return open_voc_segmentation(path, split, listed=listed, sbd=sbd, classes=classes or CLASSES)
    if not is_cityscapes(path):
        raise UsageError(
            "the folder has no layout of photos with classes of pixels that is known here",
            where=str(path),
            remedy=f"give the folder of {VOC}; or of {CITYSCAPES}",
        )
    for given, flag in ((listed, "--list"), (sbd, "--sbd"), (classes, "--class")):
        if given:
            raise UsageError(
                f"{flag} is for VOC's layout",
                where=str(path),
                cause="the folder has that of Cityscapes",
                remedy=f"leave {flag} out",
            )
    return open_cityscapes(path, split)
