"""MS COCO and COCO-style sets: a folder or zip of photos, with or without an instances file."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.walks import WHOLE, WalkPart, walk_parts
from maskgen.types import ByteRef, Label, SourceItem

from .containers.jsonstream import array_elements
from .containers.zips import zip_members
from .listing import (
    PARTS,
    Listing,
    Photo,
    SourceOptions,
    is_hidden,
    is_image_name,
    relative,
    shown,
    split_name,
    tree_photos,
)
from .parts import Lister, Notes, Recall, Subject, file_part

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
    return Listing(parts=partial(_parts, options))


class _Labels(NamedTuple):
    """What an instances file says of some photos.

    Args:
        file: its name.
        folder: of the photos, which their names may begin with.
        known: category ids by the names of photos.
        own: those of the names that no other part has.
    """

    file: str
    folder: str
    known: dict[str, list[int]]
    own: list[str]


def _parts(options: SourceOptions, _notes: Notes, recall: Recall) -> Iterator[Lister]:
    """A zip as a whole; a folder by what lies in it, each part with the labels of its own photos."""
    photos = _find_photos(options)
    annotations = _find_annotations(options, photos)
    unlabeled = "" if annotations else f"as {_why_unlabeled(options, photos)}; labels are optional"
    if photos.is_file():
        zipped = partial(_zip_items, photos, options, annotations, unlabeled)
        files = (photos, annotations) if annotations else (photos,)
        yield file_part(zipped, *files, given=("coco", relative(photos, options.root), unlabeled))
        return
    walks, folder = walk_parts(photos, PARTS), split_name(photos.name)[0]
    if (photos / folder).is_dir():  # a name may then be that of two photos, in two parts
        walks = [WHOLE]
    labels: Iterator[_Labels | str] = itertools.repeat(unlabeled)
    if annotations:
        subject = Subject((annotations,), "coco labels")
        known = recall(subject, lambda: _labels(annotations))
        labels = _deal_labels(_Labels(annotations.name, folder, known, []), walks)
    for walk, of_part in zip(walks, labels, strict=False):
        yield partial(_folder_items, photos, options, walk, of_part)


def _deal_labels(labels: _Labels, walks: list[WalkPart]) -> Iterator[_Labels]:
    """The labels that the photos of each part may have."""
    inner = f"{labels.folder}/"
    ordered = sorted((_order(name.removeprefix(inner)), name) for name in labels.known)
    keys = [key for key, _ in ordered]
    starts = [bisect_left(keys, walk.least) for walk in walks]
    for start, end in itertools.pairwise([*starts, len(keys)]):
        own = [name for _, name in ordered[start:end]]
        yield labels._replace(known={name: labels.known[name] for name in own}, own=own)


def _order(name: str) -> bytes:
    return name.encode("utf-8", "backslashreplace")


def _folder_items(
    photos: Location, options: SourceOptions, walk: WalkPart, labels: _Labels | str, notes: Notes
) -> Iterator[SourceItem]:
    return _items(_folder_photos(photos, options, walk, notes), labels, notes)


def _zip_items(
    path: Location, options: SourceOptions, annotations: Location | None, unlabeled: str, notes: Notes
) -> Iterator[SourceItem]:
    labels: _Labels | str = unlabeled
    if annotations:
        known, folder = _labels(annotations), split_name(path.name)[0]
        own = sorted(known, key=lambda name: _order(name.removeprefix(f"{folder}/")))
        labels = _Labels(annotations.name, folder, known, own)
    return _items(_zip_photos(path, options, notes), labels, notes)


def _items(photos: Iterator[tuple[Photo, str]], labels: _Labels | str, notes: Notes) -> Iterator[SourceItem]:
    """The photos with their labels, each of which is of one photo; or what is said of photos without."""
    if isinstance(labels, str):
        for photo, _ in photos:
            notes.add(f"photo has no label, {labels}", f"photos have no labels, {labels}", photo.path)
            yield SourceItem(photo.name, photo.ref, None, photo.path)
        return
    found: set[str] = set()
    for photo, name in photos:
        label: Label = None
        own = name if name in labels.known and name not in found else f"{labels.folder}/{name}"
        if own in labels.known and own not in found:
            label = tuple(labels.known[own])
            found.add(own)
        else:
            missing = f"not in {labels.file} and"
            notes.add(f"photo is {missing} has no label", f"photos are {missing} have no label", photo.path)
        yield SourceItem(photo.name, photo.ref, label, photo.path)
    left = [name for name in labels.own if name not in found]
    if left:
        of = f"of {labels.file}"
        one, many = f"image {of} is not on disk", f"images {of} are not on disk"
        notes.add(one, many, shown(left[0]), len(left), late=True)


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


def _why_unlabeled(options: SourceOptions, photos: Location) -> str:
    """Which file was looked for, and what is there in its place."""
    folders, names = _annotation_places(options, photos)
    for folder in folders:
        if (folder / "annotations").is_dir():
            others = sorted(file.name for file in (folder / "annotations").glob("*.json"))
            if others:
                return f"annotations/ has {shown(others[0])} and no {names[0]}"
    return f"there is no annotations/{names[0]}"


def _labels(path: Location) -> dict[str, list[int]]:
    """Sorted category ids by file name; the images may follow the annotations in the file, or lead."""
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
    return {name: sorted(ids) for name, ids in labels.items()}


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


def _folder_photos(
    photos: Location, options: SourceOptions, walk: WalkPart, notes: Notes
) -> Iterator[tuple[Photo, str]]:
    """Every photo with its name as the instances file has it."""
    prefix = relative(photos, options.root)
    prefix = f"{prefix}/" if prefix else ""
    for photo in tree_photos(walk(photos), prefix, notes):
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
