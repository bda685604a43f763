"""The Semantic Boundaries Dataset as it is downloaded: annotations of 11,355 photos of VOC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from maskgen.errors import SourceFault, UsageError

from ..public.folder import SetFolder
from .segmented import Classes

_LAYOUT = "benchmark_RELEASE/dataset with cls/*.mat, train.txt and val.txt"


def find_sbd(path: Path) -> Path:
    """The folder of cls in or below a folder.

    Raises:
        UsageError: it is not there.
    """
    for place in (".", "dataset", "benchmark_RELEASE/dataset"):
        if (path / place / "cls").is_dir():
            return path / place
    raise UsageError(
        "there is no Semantic Boundaries Dataset", where=str(path), remedy=f"give the folder of {_LAYOUT}"
    )


def sbd_names(root: Path) -> tuple[str, ...]:
    """The photos of train, then those of val.

    Raises:
        SourceFault: a list is missing.
    """
    home = _home(root)
    return tuple(name for split in ("train", "val") for name in home.rows(f"{split}.txt"))


def read_boundaries(path: Path) -> Classes:
    """The (H, W) classes of a file in cls, VOC's 0 to 20. It has no pixels without a class.

    Raises:
        SourceFault: it cannot be read, or has no classes.
    """
    home = _home(path.parent)
    found = home.mat(path.name).get("GTcls")
    fields = getattr(getattr(found, "dtype", None), "names", None) or ()
    numbers: Any = np.zeros(0)
    if "Segmentation" in fields:
        numbers = np.asarray(found["Segmentation"].item())  # type: ignore[index]
    if numbers.ndim != 2 or numbers.dtype != np.uint8:
        raise SourceFault(
            "an annotation has no classes of pixels",
            where=str(path),
            cause="GTcls.Segmentation is missing or is no (H, W) of bytes",
            remedy=f"unpack the set's archive again: {_LAYOUT}",
        )
    classes: Classes = numbers
    return classes


def _home(root: Path) -> SetFolder:
    return SetFolder(root, "the Semantic Boundaries Dataset", _LAYOUT)
