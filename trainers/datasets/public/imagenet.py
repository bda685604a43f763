"""ImageNet's validation photos: flat, with any of the files that say their classes, or in folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from maskgen.io.folders import walk_folder
from maskgen.io.wnids import BY_NAME, IN_ORDER, NUMBERS, WNID, split_rows

from .folder import Pictures, SetFolder

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
_INNER = ("val", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val")
_ABOVE = 4
"""Folders above the photos that are looked in: from Kaggle's to the one it was unpacked in."""
_PHOTO = re.compile(r"ILSVRC2012_val_(\d{8})", re.IGNORECASE)


def read_imagenet_val(home: SetFolder, _split: str, _partition: int) -> Pictures:
    """Classes are wnids, numbered in their order, as those of ``train``.

    Raises:
        SourceFault: photos or their classes are missing.
    """
    place = validation_folder(home.root)
    files = [entry.name for entry in walk_folder(place) if entry.kind == "file"]
    photos = sorted(name for name in files if PurePosixPath(name).suffix.lower() in _ENDINGS)
    if not photos:
        raise home.fault("there are no validation photos", place, "the archive is not unpacked here")
    wnids, known = validation_wnids(home, place, photos)
    names = dict(enumerate(sorted(known)))
    numbers = {wnid: number for number, wnid in names.items()}
    rows = [(photo, numbers[wnid]) for photo, wnid in zip(photos, wnids, strict=True)]
    return home.pictures(place.relative_to(home.root).as_posix(), rows, names)


def validation_folder(root: Path) -> Path:
    """Where the photos lie: in ``val`` of the folder, in Kaggle's folder below it, or in the folder itself.

    Args:
        root: as given.
    """
    return next((root / name for name in _INNER if (root / name).is_dir()), root)


def folders_above(place: Path) -> list[Path]:
    """Where a file that belongs to the photos may lie: beside them, or up to four folders above.

    Args:
        place: the folder of the photos.
    """
    return [place, *place.absolute().parents[:_ABOVE]]


def photo_number(name: str) -> int:
    """The number in the name of a validation photo, from 1; 0: it has none.

    Example:
        >>> from maskgen.trainers.datasets.public.imagenet import photo_number
        >>> photo_number("ILSVRC2012_val_00000293.JPEG"), photo_number("cat.JPEG")
        (293, 0)
    """
    match = _PHOTO.fullmatch(PurePosixPath(name).stem)
    return int(match[1]) if match else 0


def validation_wnids(home: SetFolder, place: Path, photos: Sequence[str]) -> tuple[list[str], set[str]]:
    """The wnid of each photo, and all wnids that are known.

    Photos may lie in folders that are named after their classes, or flat with names that begin with them.
    Else their names have numbers, and a file says the classes; it is looked for as `folders_above` says, and
    in ``data`` of a devkit there: Kaggle's ``LOC_val_solution.csv``, lines ``name wnid``
    (``val_labels.txt``), one wnid a line in the photos' order, or the devkit's numbers with its ``meta.mat``,
    which says their wnids.

    Args:
        home: the set, for errors.
        place: the folder of the photos.
        photos: their paths from there, at least one.

    Raises:
        SourceFault: some have no class.
    """
    paths = [PurePosixPath(photo) for photo in photos]
    for depth, named in ((2, [path.parts[0] for path in paths]), (1, [path.name[:9] for path in paths])):
        if all(len(path.parts) == depth for path in paths) and all(map(WNID.fullmatch, named)):
            return named, set(named)
    if odd := [path for path in paths if len(path.parts) > 1 or not photo_number(path.name)]:
        raise home.fault(
            f"{len(odd)} of {len(paths)} pictures are neither in a folder of their class nor named as "
            "ILSVRC2012_val_00000001.JPEG",
            place / odd[0],
        )
    listed = _listed(home, place, [path.name for path in paths])
    if missing := [path.name for path in paths if path.stem not in listed]:
        raise home.fault(f"{len(missing)} of {len(paths)} photos have no class", place / missing[0])
    return [listed[path.stem] for path in paths], set(listed.values())


def _listed(home: SetFolder, place: Path, photos: list[str]) -> dict[str, str]:
    """The wnid of each photo by its name without ending, as a file says it."""
    above = folders_above(place)
    folders = above + [data for one in above for data in sorted(one.glob("ILSVRC2012_devkit*/data"))]

    def find(*names: str) -> Path | None:
        return next((folder / one for one in names for folder in folders if (folder / one).is_file()), None)

    if path := find(*BY_NAME):
        return _pairs(home, path)
    if path := find(IN_ORDER):
        return _ordered(home, path, photos, _lines(home, path))
    if path := find(NUMBERS):
        meta = find("meta.mat")
        if meta is None:
            cause = "meta.mat says which wnid each of the devkit's numbers is, and it is not there"
            raise home.fault("the devkit's numbers alone tell no classes", path, cause)
        wnids = _of_devkit(home, meta)
        numbers = _lines(home, path)
        if odd := [one for one in numbers if one not in wnids]:
            raise home.fault(f"{odd[0][:20]!r} is no number of a class in meta.mat", path)
        return _ordered(home, path, photos, [wnids[one] for one in numbers])
    raise home.fault("nothing says the classes of the validation photos", place, f"no {NUMBERS}")


def _lines(home: SetFolder, path: Path) -> list[str]:
    return SetFolder(path.parent, home.title, home.files).rows(path.name)


def _pairs(home: SetFolder, path: Path) -> dict[str, str]:
    """Lines ``name wnid ...``, with spaces, tabs or a comma."""
    found = {}
    for row in split_rows(_lines(home, path)):
        if not row.name or not WNID.fullmatch(row.wnid):
            raise home.fault(f"a line without a name and a wnid: {row.text[:80]!r}", path)
        found[row.name.removesuffix(".JPEG")] = row.wnid
    return found


def _ordered(home: SetFolder, path: Path, photos: list[str], wnids: list[str]) -> dict[str, str]:
    """By the photos' numbers, which count from 1; a part of the photos will do."""
    if odd := [one for one in wnids if not WNID.fullmatch(one)]:
        raise home.fault(f"a line that is no wnid: {odd[0][:80]!r}", path)
    numbers = {PurePosixPath(name).stem: photo_number(name) for name in photos}
    if max(numbers.values()) > len(wnids):
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
