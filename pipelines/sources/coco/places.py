"""Where the photos of a split and their annotations lie, in the layouts that people have."""

from __future__ import annotations

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location

from ..listing import SourceOptions, shown, split_name

_YEARS = ("2017", "2014")


def find_photos(options: SourceOptions) -> Location:
    """The folder or the zip of the split's photos.

    Raises:
        SourceFault: there is only that of the other split.
    """
    place, split = options.input, options.split
    if place.is_file():
        return place
    for year in _YEARS:
        for inner in (
            f"{split}{year}",
            f"images/{split}{year}",
            f"{split}{year}.zip",
            f"images/{split}{year}.zip",
        ):
            if (place / inner).exists():
                return place / inner
    other = {"train": "val", "val": "train"}[split]
    if any((place / f"{other}{year}{end}").exists() for year in _YEARS for end in ("", ".zip")):
        raise SourceFault(
            f"no {split}2017 folder or zip here, only {other}",
            where=str(place),
            remedy=f"give --split {other}, or the folder that holds {split}2017",
        )
    return place / "images" if (place / "images").is_dir() else place


def find_annotations(options: SourceOptions, photos: Location) -> Location | None:
    """The instances file of these photos; None when there is none."""
    folders, names = _annotation_places(options, photos)
    for folder in folders:
        for place in (folder / "annotations", folder):
            for name in names:
                if (place / name).is_file():
                    return place / name
    return None


def _annotation_places(options: SourceOptions, photos: Location) -> tuple[list[Location], list[str]]:
    """Where an instances file may lie, in this folder or its ``annotations/``, and how it may be called."""
    stem = split_name(photos.name)[0]
    names = [f"instances_{stem}.json"] if stem[-4:] in _YEARS else ["instances.json"]
    folders = [photos.parent] if photos != options.root else [photos, photos.parent]
    folders += [photos.parent.parent] if photos.parent.name == "images" else []
    if stem[-4:] not in _YEARS:
        names += [f"instances_{options.split}{year}.json" for year in _YEARS]
    return folders, names


def why_unlabeled(options: SourceOptions, photos: Location) -> str:
    """Which file was looked for, and what is there in its place."""
    folders, names = _annotation_places(options, photos)
    for folder in folders:
        if (folder / "annotations").is_dir():
            others = sorted(file.name for file in (folder / "annotations").glob("*.json"))
            if others:
                return f"annotations/ has {shown(others[0])} and no {names[0]}"
    return f"there is no annotations/{names[0]}"
