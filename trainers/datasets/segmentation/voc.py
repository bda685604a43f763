"""PASCAL VOC's segmentation as it is downloaded, and the lists of its photos that the papers train on."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from maskgen.errors import UsageError

from ..index_png import read_indices
from .sbd import find_sbd, read_boundaries, sbd_names
from .segmented import Classes, Segmented

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
AUGMENTED = "trainaug"
"""VOC's train and the photos of SBD that are not in its val: 10,582 of VOC 2012."""
LAYOUT = "VOC2012 with JPEGImages, SegmentationClass and ImageSets/Segmentation"
_PLACES = (".", "VOC2012", "VOCdevkit/VOC2012")
_LISTS, _PHOTOS, _TRUTHS = Path("ImageSets/Segmentation"), "JPEGImages", "SegmentationClass"
_MORE_TRUTHS = "SegmentationClassAug"
_NAME = re.compile(r"\w[\w.-]*")
_MAX_LIST_BYTES = 64 << 20


def open_voc_segmentation(
    path: Path,
    split: str,
    *,
    listed: Path | None = None,
    sbd: Path | None = None,
    classes: tuple[str, ...] = CLASSES,
) -> Segmented:
    """A split of VOC's segmentation.

    An annotation is the first there is of ``SegmentationClass/NAME.png``, ``SegmentationClassAug/NAME.png``,
    where many keep SBD's as PNGs, and ``cls/NAME.mat`` of SBD. The split ``trainaug`` needs no list where SBD
    is given: it is VOC's train, then SBD's photos that are in neither train nor val.

    Args:
        path: VOC2012, or a folder that holds it or VOCdevkit, as the archives unpack.
        split: ``train``, ``val`` and so on, of ImageSets/Segmentation.
        listed: a file with a name a line in place of the split's; of a line with more the first word counts,
            and of a path its name.
        sbd: benchmark_RELEASE of the Semantic Boundaries Dataset, or its folder dataset.
        classes: names, of data of one's own in this layout.

    Raises:
        UsageError: it is no VOC, or lacks the split.
        SourceFault: a photo or an annotation is missing.
    """
    root = find_voc(path)
    if root is None:
        raise UsageError(f"there is no {_TRUTHS}", where=str(path), remedy=f"give {LAYOUT}")
    boundaries = None if sbd is None else find_sbd(sbd)
    file = listed or root / _LISTS / f"{split}.txt"
    if split == AUGMENTED and boundaries is not None and not file.is_file():
        names = _augmented(root, boundaries)
    else:
        names = _read_names(file, split)
    places = [(root / _TRUTHS, "png"), (root / _MORE_TRUTHS, "png")]
    places += [] if boundaries is None else [(boundaries / "cls", "mat")]
    truths = [_first([folder / f"{name}.{ending}" for folder, ending in places]) for name in names]
    photos = tuple(root / _PHOTOS / f"{name}.jpg" for name in names)
    return Segmented(names, photos, tuple(truths), classes, _read_truth, LAYOUT).check()


def find_voc(path: Path) -> Path | None:
    """VOC2012 in or below a folder; None: it is not there."""
    return next((path / place for place in _PLACES if (path / place / _TRUTHS).is_dir()), None)


def _first(paths: list[Path]) -> Path:
    """The first that is there; the first, if none is."""
    return next((path for path in paths if path.is_file()), paths[0])


def _read_truth(path: Path) -> Classes:
    return read_boundaries(path) if path.suffix == ".mat" else read_indices(path, masks=False)


def _augmented(root: Path, boundaries: Path) -> tuple[str, ...]:
    listed = partial(_read_names, split=AUGMENTED)
    train, val = (listed(root / _LISTS / f"{split}.txt") for split in ("train", "val"))
    known = {*train, *val}
    return (*train, *(name for name in sbd_names(boundaries) if name not in known))


def _read_names(file: Path, split: str) -> tuple[str, ...]:
    try:
        large = file.stat().st_size > _MAX_LIST_BYTES
        text = "" if large else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the split {split!r}",
            where=str(file),
            cause=str(error),
            remedy="give one of the lists in ImageSets/Segmentation, such as val"
            + (", or --sbd or --list" if split == AUGMENTED else ""),
        ) from error
    names = [_name(line.split()[0]) for line in text.splitlines() if line.strip()]
    if not names or not all(_NAME.fullmatch(name) for name in names) or len(set(names)) < len(names):
        raise UsageError(
            "the list names no photos, or one twice",
            where=str(file),
            remedy="give a photo's name a line, such as 2007_000032",
        )
    return tuple(names)


def _name(word: str) -> str:
    """2007_000032 of the same, or of /JPEGImages/2007_000032.jpg as DeepLab's lists have it."""
    return word.removeprefix("/JPEGImages/").removesuffix(".jpg")
