"""ImageNet's validation photos: flat, with any of the files that say their classes, or in folders."""

from __future__ import annotations

import re
from pathlib import Path

from .folder import Pictures, SetFolder

_WNID = re.compile(r"n\d{8}")
_PHOTO = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG", re.IGNORECASE)
_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_KAGGLE = "LOC_val_solution.csv"
_BY_NAME = ("val_labels.txt", "val_annotations.txt")
_IN_ORDER = ("imagenet_2012_validation_synset_labels.txt",)


def read_imagenet_val(home: SetFolder, _split: str, _partition: int) -> Pictures:
    """Classes are wnids, numbered in their order, as those of ``train``.

    Their files are looked for in the folder, above it and in ``data`` of the devkit there: Kaggle's
    ``LOC_val_solution.csv``, lines ``name wnid`` (``val_labels.txt``), one wnid a line in the photos' order,
    or the devkit's numbers with its ``meta.mat``, which says their wnids.

    Raises:
        SourceFault: photos or their classes are missing.
    """
    place = next((one for one in (home.root, home.root / "val") if _photos(one)), home.root)
    if not (photos := _photos(place)):
        return _by_wnid(home)
    wnids = _wnids(home, place, photos)
    if missing := [name for name in photos if Path(name).stem not in wnids]:
        raise home.fault(f"{len(missing)} of {len(photos)} photos have no class", place / missing[0])
    return _numbered(home, place, [(name, wnids[Path(name).stem]) for name in photos], set(wnids.values()))


def _photos(folder: Path) -> list[str]:
    """The flat photos of a folder, in the order of their numbers."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _PHOTO.fullmatch(path.name))


def _by_wnid(home: SetFolder) -> Pictures:
    """Photos in folders that are named after their classes."""
    place = home.root / "val" if (home.root / "val").is_dir() else home.root
    classes = sorted(one.name for one in place.iterdir() if _WNID.fullmatch(one.name) and one.is_dir())
    rows = [(f"{one}/{photo.name}", one) for one in classes for photo in sorted((place / one).iterdir())]
    rows = [(path, wnid) for path, wnid in rows if path.lower().endswith((".jpeg", ".jpg", ".png"))]
    if not rows:
        raise home.fault("there are no validation photos", place, "the archive is not unpacked here")
    return _numbered(home, place, rows, set(classes))


def _numbered(home: SetFolder, place: Path, rows: list[tuple[str, str]], known: set[str]) -> Pictures:
    names = dict(enumerate(sorted(known)))
    numbers = {wnid: number for number, wnid in names.items()}
    below = "" if place == home.root else place.name
    return home.pictures(below, [(path, numbers[wnid]) for path, wnid in rows], names)


def _wnids(home: SetFolder, place: Path, photos: list[str]) -> dict[str, str]:
    """The wnid of each photo by its name without ending."""
    folders = [place, home.root, home.root.parent, *sorted(home.root.parent.glob("ILSVRC2012_devkit*/data"))]
    folders += sorted(home.root.glob("ILSVRC2012_devkit*/data"))

    def find(*names: str) -> Path | None:
        return next((folder / one for one in names for folder in folders if (folder / one).is_file()), None)

    if path := find(_KAGGLE, *_BY_NAME):
        return _pairs(home, path)
    if path := find(*_IN_ORDER):
        return _ordered(home, path, photos, _lines(home, path))
    if path := find(_TRUTH):
        meta = find("meta.mat")
        if meta is None:
            cause = "meta.mat says which wnid each of the devkit's numbers is, and it is not there"
            raise home.fault("the devkit's numbers alone tell no classes", path, cause)
        wnids = _of_devkit(home, meta)
        numbers = _lines(home, path)
        if odd := [one for one in numbers if one not in wnids]:
            raise home.fault(f"{odd[0][:20]!r} is no number of a class in meta.mat", path)
        return _ordered(home, path, photos, [wnids[one] for one in numbers])
    raise home.fault("nothing says the classes of the validation photos", place, f"no {_TRUTH}")


def _lines(home: SetFolder, path: Path) -> list[str]:
    return SetFolder(path.parent, home.title, home.files).rows(path.name)


def _pairs(home: SetFolder, path: Path) -> dict[str, str]:
    """Lines ``name wnid ...``, with spaces, tabs or a comma."""
    found = {}
    for line in _lines(home, path):
        words = line.replace(",", " ").split()
        if words[0] == "ImageId":
            continue
        if len(words) < 2 or not _WNID.fullmatch(words[1]):
            raise home.fault(f"a line without a name and a wnid: {line[:80]!r}", path)
        found[words[0].removesuffix(".JPEG")] = words[1]
    return found


def _ordered(home: SetFolder, path: Path, photos: list[str], wnids: list[str]) -> dict[str, str]:
    """By the photos' numbers, which count from 1; a part of the photos will do."""
    if odd := [one for one in wnids if not _WNID.fullmatch(one)]:
        raise home.fault(f"a line that is no wnid: {odd[0][:80]!r}", path)
    numbers = {Path(name).stem: int(name[15:23]) for name in photos}
    if max(numbers.values()) > len(wnids) or min(numbers.values()) < 1:
        raise home.fault(f"{len(wnids)} classes for photos up to {max(numbers.values())}", path)
    return {stem: wnids[number - 1] for stem, number in numbers.items()}


def _of_devkit(home: SetFolder, meta: Path) -> dict[str, str]:
    """The wnid of each ILSVRC2012_ID, written as in the ground truth."""
    values = SetFolder(meta.parent, home.title, home.files).mat(meta.name)
    synsets = values.get("synsets")
    names = getattr(getattr(synsets, "dtype", None), "names", None) or ()
    if synsets is None or not {"ILSVRC2012_ID", "WNID"} <= set(names):
        raise home.fault("meta.mat has no synsets with ILSVRC2012_ID and WNID", meta, "another meta.mat")
    return {str(int(one["ILSVRC2012_ID"])): str(one["WNID"]) for one in synsets.reshape(-1)}
