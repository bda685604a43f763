"""MS COCO and COCO-style sets: a folder or zip of photos, with or without an instances file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.walks import WHOLE, WalkPart, walk_parts
from maskgen.types import ByteRef, Label, SourceItem

from ..containers.zips import zip_members
from ..listing import (
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
from ..parts import Lister, Notes, Recall, Subject, file_part
from .labels import Labels, deal_labels, order, read_labels
from .places import find_annotations, find_photos, why_unlabeled

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


def _parts(options: SourceOptions, _notes: Notes, recall: Recall) -> Iterator[Lister]:
    """A zip as a whole; a folder by what lies in it, each part with the labels of its own photos."""
    photos = find_photos(options)
    annotations = find_annotations(options, photos)
    unlabeled = "" if annotations else f"as {why_unlabeled(options, photos)}; labels are optional"
    if photos.is_file():
        zipped = partial(_zip_items, photos, options, annotations, unlabeled)
        files = (photos, annotations) if annotations else (photos,)
        yield file_part(zipped, *files, given=("coco", relative(photos, options.root), unlabeled))
        return
    walks, folder = walk_parts(photos, PARTS), split_name(photos.name)[0]
    if (photos / folder).is_dir():  # a name may then be that of two photos, in two parts
        walks = [WHOLE]
    labels: Iterator[Labels | str] = itertools.repeat(unlabeled)
    if annotations:
        subject = Subject((annotations,), "coco labels")
        known = recall(subject, lambda: read_labels(annotations))
        labels = deal_labels(Labels(annotations.name, folder, known, []), walks)
    for walk, of_part in zip(walks, labels, strict=False):
        yield partial(_folder_items, photos, options, walk, of_part)


def _folder_items(
    photos: Location, options: SourceOptions, walk: WalkPart, labels: Labels | str, notes: Notes
) -> Iterator[SourceItem]:
    return _items(_folder_photos(photos, options, walk, notes), labels, notes)


def _zip_items(
    path: Location, options: SourceOptions, annotations: Location | None, unlabeled: str, notes: Notes
) -> Iterator[SourceItem]:
    labels: Labels | str = unlabeled
    if annotations:
        known, folder = read_labels(annotations), split_name(path.name)[0]
        own = sorted(known, key=lambda name: order(name.removeprefix(f"{folder}/")))
        labels = Labels(annotations.name, folder, known, own)
    return _items(_zip_photos(path, options, notes), labels, notes)


def _items(photos: Iterator[tuple[Photo, str]], labels: Labels | str, notes: Notes) -> Iterator[SourceItem]:
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
