"""MS COCO and COCO-style sets: a folder or zip of photos, with or without an instances file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from maskgen.errors import SourceFault
from maskgen.io.folders import walk_folder
from maskgen.io.storage.location import Location
from maskgen.types import ByteRef, Label, SourceItem

from .containers.jsonstream import array_elements
from .containers.zips import zip_members
from .listing import (
    Listing,
    Notes,
    Photo,
    SourceOptions,
    is_hidden,
    is_image_name,
    relative,
    shown,
    split_name,
    tree_photos,
)

_YEARS = ("2017", "2014")
_MAX_IMAGES = 20_000_000
_INT64 = 1 << 63
_NO_IMAGE = (
    "zip member that is no image file was left out",
    "zip members that are no image files were left out",
)


def open_coco(options: SourceOptions) -> Listing:
    """The photos of one split, sorted by file name, with the sorted category ids of their annotations.

    The photos lie in ``{split}2017/`` (or 2014), ``images/{split}2017/``, ``{split}2017.zip``, ``images/``,
    or the input is itself such a folder or zip. Labels come from ``annotations/instances_{split}2017.json``
    or ``instances.json`` beside them; without one they are None, and an image without any object has ``()``.
    A note says so, and names what lies in ``annotations/`` instead.
    """
    return Listing(lambda notes: _items(options, notes))


def _items(options: SourceOptions, notes: Notes) -> Iterator[SourceItem]:
    photos = _find_photos(options)
    annotations = _find_annotations(options, photos)
    labels = _labels(annotations) if annotations else {}
    folder = split_name(photos.name)[0]
    unlabeled = "" if annotations else f"as {_why_unlabeled(options, photos)}; labels are optional"
    for photo, file_name in _photos(photos, options, notes):
        label: Label = None
        if annotations:
            known = labels.pop(file_name if file_name in labels else f"{folder}/{file_name}", None)
            label = None if known is None else tuple(sorted(known))
            if known is None:
                missing = f"not in {annotations.name} and"
                notes.add(
                    f"photo is {missing} has no label", f"photos are {missing} have no label", photo.path
                )
        else:
            notes.add(f"photo has no label, {unlabeled}", f"photos have no labels, {unlabeled}", photo.path)
        yield SourceItem(photo.name, photo.ref, label, photo.path)
    if annotations and labels:
        of = f"of {annotations.name}"
        example, count = shown(min(labels)), len(labels)
        notes.add(f"image {of} is not on disk", f"images {of} are not on disk", example, count)


def _find_photos(options: SourceOptions) -> Location:
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


def _find_annotations(options: SourceOptions, photos: Location) -> Location | None:
    folders, names = _annotation_places(options, photos)
    for folder in folders:
        for inner in ("annotations", "."):
            for name in names:
                if (folder / inner / name).is_file():
                    return folder / inner / name
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


def _why_unlabeled(options: SourceOptions, photos: Location) -> str:
    """Which file was looked for, and what is there in its place."""
    folders, names = _annotation_places(options, photos)
    for folder in folders:
        if (folder / "annotations").is_dir():
            others = sorted(file.name for file in (folder / "annotations").glob("*.json"))
            if others:
                return f"annotations/ has {shown(others[0])} and no {names[0]}"
    return f"there is no annotations/{names[0]}"


def _labels(path: Location) -> dict[str, set[int]]:
    """Category ids by file name; the images may follow the annotations in the file, or lead."""
    names: dict[int, str] = {}
    categories: dict[int, set[int]] = {}
    for key, element in array_elements(path):
        if key == "images":
            names[_integer(element, "id", path)] = _file_name(element, path)
        elif key == "annotations":
            categories.setdefault(_integer(element, "image_id", path), set()).add(
                _integer(element, "category_id", path)
            )
        if len(names) + len(categories) > _MAX_IMAGES:
            raise SourceFault(
                f"more than {_MAX_IMAGES} images in one file", where=str(path), remedy="split the file"
            )
    labels: dict[str, set[int]] = {}
    for image, name in names.items():
        labels.setdefault(name, set()).update(categories.pop(image, ()))
    if categories:
        raise SourceFault(
            "annotations of images that the file does not list",
            where=str(path),
            cause=f"{len(categories)} image ids, the first is {min(categories)}",
            remedy="give the annotations file as COCO has it, with its images",
        )
    return labels


def _integer(element: Any, name: str, path: Location) -> int:
    value = element.get(name) if isinstance(element, dict) else None
    if type(value) is not int or not -_INT64 <= value < _INT64:
        raise SourceFault(
            f"an entry without an integer {name!r}",
            where=str(path),
            cause=str(element)[:100],
            remedy="mend this entry of the annotations file",
        )
    return value


def _file_name(element: Any, path: Location) -> str:
    name = element.get("file_name") if isinstance(element, dict) else None
    if not isinstance(name, str):
        raise SourceFault(
            "an image without 'file_name'",
            where=str(path),
            cause=str(element)[:100],
            remedy="mend this entry of the annotations file",
        )
    return name.removeprefix("./")


def _photos(photos: Location, options: SourceOptions, notes: Notes) -> Iterator[tuple[Photo, str]]:
    """Every photo with its name as the instances file has it."""
    if photos.is_file():
        yield from _zip_photos(photos, options, notes)
        return
    prefix = relative(photos, options.root)
    prefix = f"{prefix}/" if prefix else ""
    for photo in tree_photos(walk_folder(photos), prefix, notes):
        inner = photo.ref.file.removeprefix(prefix)
        yield Photo(shown(split_name(inner)[0]), photo.ref, photo.path), inner


def _zip_photos(path: Location, options: SourceOptions, notes: Notes) -> Iterator[tuple[Photo, str]]:
    file = relative(path, options.root)
    folder = split_name(path.name)[0] + "/"
    members = sorted(zip_members(path), key=lambda m: m.name.removeprefix(folder).encode("utf-8", "replace"))
    last = None
    for member in members:
        if not member.plain or not is_image_name(member.name) or is_hidden(member.name):
            notes.add(*_NO_IMAGE, f"{file}/{member.name}")
            continue
        if member.name == last:
            raise SourceFault(
                f"the zip has two members {last!r}", where=str(path), remedy="download or write it again"
            )
        last = member.name
        inner = member.name.removeprefix(folder)
        ref = ByteRef(file, member.offset, member.size, "zip", member.name)
        yield Photo(split_name(inner)[0], ref, f"{file}/{member.name}"), inner
