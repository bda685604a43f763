"""ImageNet as people have it.

Class folders, the original tars unpacked or not, flat folders, tiny-imagenet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial

from maskgen.errors import SourceFault
from maskgen.io.folders import entries
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_bytes
from maskgen.io.tars import TarMember, walk
from maskgen.types import ByteRef, SourceItem

from .containers.tars import SPARSE_LEFT_OUT, is_gzip, tar_members
from .imagenet_labels import PhotoClasses, find_classes
from .listing import (
    Lister,
    Listing,
    Notes,
    Photo,
    SourceOptions,
    containers,
    folder_photos,
    is_hidden,
    is_image_name,
    relative,
    shown,
    split_name,
)

_WNID = re.compile(r"n\d{8}")
_CLASS_TAR = re.compile(r"(?:\./)?(n\d{8})\.tar")
_NO_IMAGE = (
    "tar member that is no image file was left out",
    "tar members that are no image files were left out",
)
_NO_CLASS = (
    "folder that is no class (n and eight digits) was left out",
    "folders that are no class (n and eight digits) were left out",
)


def open_imagenet(options: SourceOptions) -> Listing:
    """The photos of one split, by class and then by file name.

    The label is the class's place among the sorted wnids.

    Layouts: ``{split}/<wnid>/*.JPEG`` (also below ``ILSVRC/Data/CLS-LOC``, with an ``images`` folder in each
    class as in tiny-imagenet, or the input is the split itself), a flat folder whose files begin with their
    wnid, a flat ``val`` with a file of labels (see `find_classes`), and ``ILSVRC2012_img_{split}.tar``
    without unpacking. ``val`` is numbered as ``train`` when that lies beside it.
    """
    return Listing(parts=partial(_parts, options))


def _parts(options: SourceOptions, notes: Notes) -> Iterator[Lister]:
    """Class by class, where the photos lie in classes."""
    place = _place(options)
    classes = _classes(place, options.root)
    if not classes:
        yield partial(_flat, place, options)
        return
    numbers = _numbering(place, list(classes))
    _note_numbering(numbers, notes)
    for wnid, list_photos in classes.items():
        yield partial(_class_items, wnid, numbers[wnid], list_photos)


def _place(options: SourceOptions) -> Location:
    """The folder or tar of the split."""
    place, split = options.input, options.split
    if place.is_file():
        return place
    for inner in (split, f"ILSVRC/Data/CLS-LOC/{split}", f"Data/CLS-LOC/{split}"):
        if (place / inner).is_dir():
            return place / inner
    if (place / _tar_name(split)).is_file():
        return place / _tar_name(split)
    other = {"train": "val", "val": "train"}[split]
    if (place / other).is_dir() or (place / _tar_name(other)).is_file():
        raise SourceFault(
            f"no {split}/ folder and no {_tar_name(split)} here, only {other}",
            where=str(place),
            remedy=f"give --split {other}, or the folder that holds {split}/",
        )
    return place


def _tar_name(split: str) -> str:
    return f"ILSVRC2012_img_{split}.tar"


def _classes(place: Location, root: Location) -> dict[str, Callable[[Notes], list[Photo]]]:
    """How to list each class, in the order of the wnids; empty when the photos do not lie in classes."""
    found: dict[str, Callable[[Notes], list[Photo]]] = {}
    if place.is_file():
        if is_gzip(place):
            raise SourceFault(
                "a compressed archive", where=str(place), remedy="decompress it to a .tar with gunzip"
            )
        for member in _class_tars(place):
            found[member[0]] = partial(_class_tar_photos, place, root, member[1])
        return dict(sorted(found.items()))
    # A linked class folder is how subsets such as ImageNet-100 are made; one level cannot loop.
    for wnid in containers(place, lambda name: bool(_WNID.fullmatch(name)), ("folder", "linked folder")):
        found[wnid] = partial(_class_folder_photos, place / wnid, root)
    return found


def _class_tars(path: Location) -> Iterator[tuple[str, TarMember]]:
    """The wnid and member of each class tar of the original training archive."""
    seen: set[str] = set()
    for member, _ in tar_members(path):
        match = _CLASS_TAR.fullmatch(member.name)
        if match:
            if not member.plain:
                raise SourceFault(
                    "the archive holds a class that is no plain file",
                    where=f"{path}/{member.name}",
                    cause="a link, or stored sparse",
                    remedy="write the archive again, without --sparse",
                )
            if match[1] in seen:
                raise SourceFault(
                    f"the archive has two members {member.name!r}",
                    where=str(path),
                    remedy="write the archive again, each name once",
                )
            seen.add(match[1])
            yield match[1], member


def _class_folder_photos(folder: Location, root: Location, notes: Notes) -> list[Photo]:
    prefix = relative(folder, root)
    if (folder / "images").is_dir():
        return folder_photos(folder / "images", f"{prefix}/images/", notes)
    return folder_photos(folder, f"{prefix}/", notes)


def _class_tar_photos(path: Location, root: Location, inner: TarMember, notes: Notes) -> list[Photo]:
    where = f"{path}/{inner.name}"
    try:
        with open_bytes(path) as file:
            members = list(walk(file.read_at, where, start=inner.offset, end=inner.offset + inner.size))
    except OSError as error:
        raise SourceFault(
            "cannot read a tar archive",
            where=where,
            cause=str(error.strerror),
            remedy="check that it is there and may be read",
        ) from error
    name = relative(path, root)
    return _tar_photos(members, name, f"{name}/{inner.name}", notes)


def _tar_photos(members: list[TarMember], file: str, path: str, notes: Notes) -> list[Photo]:
    """The photos among the members of one archive, sorted by name, no two alike."""
    photos: list[Photo] = []
    for member in sorted(members, key=lambda m: os.fsencode(m.name)):
        where = f"{path}/{shown(member.name)}"
        if member.plain and is_image_name(member.name) and not is_hidden(member.name):
            if photos and photos[-1].path == where:
                raise SourceFault(
                    f"the archive has two members {shown(member.name)!r}",
                    where=path,
                    remedy="write the archive again, each name once",
                )
            name = shown(split_name(member.name.rsplit("/", 1)[-1])[0])
            photos.append(Photo(name, ByteRef(file, member.offset, member.size), where))
        elif not member.folder:
            notes.add(*(SPARSE_LEFT_OUT if member.sparse else _NO_IMAGE), where)
    return photos


def _numbering(place: Location, own: list[str]) -> dict[str, int]:
    """The label of each wnid: its place among the sorted wnids of `train` beside this split, else of its own.

    Raises:
        SourceFault: this split has a class that `train` has not.
    """
    train = _training_classes(place)
    known = sorted(set(train or own))
    unknown = sorted(set(own) - set(known))
    if unknown:
        raise SourceFault(
            f"{len(unknown)} classes are not among the {len(known)} of train",
            where=str(place),
            cause=f"for example {unknown[0]}",
            remedy="complete train, or move this split away from it to number it by itself",
        )
    return {wnid: number for number, wnid in enumerate(known)}


def _training_classes(place: Location) -> list[str]:
    folder, archive = place.parent / "train", place.parent / _tar_name("train")
    if place in (folder, archive) or place.name not in ("val", _tar_name("val")):
        return []
    if folder.is_dir():
        return [e.name for e in entries(folder) if e.kind != "file" and _WNID.fullmatch(e.name)]
    return [wnid for wnid, _ in _class_tars(archive)] if archive.is_file() else []


def _class_items(
    wnid: str, number: int, list_photos: Callable[[Notes], list[Photo]], notes: Notes
) -> Iterator[SourceItem]:
    photos = list_photos(notes)
    if not photos:
        notes.add("class holds no photo", "classes hold no photo", wnid)
    for photo in photos:
        yield SourceItem(photo.name, photo.ref, number, photo.path)


def _note_numbering(numbers: dict[str, int], notes: Notes) -> None:
    if len(numbers) != 1000:
        first = next(iter(numbers), "none")
        instead = "not ImageNet's 1000: labels are places among these sorted wnids"
        notes.add(f"class, {instead}", f"classes, {instead}", first, len(numbers))


def _flat(place: Location, options: SourceOptions, notes: Notes) -> Iterator[SourceItem]:
    if place.is_file():
        file = relative(place, options.root)
        photos = _tar_photos([member for member, _ in tar_members(place)], file, file, notes)
    else:
        inner = place / "images" if (place / "images").is_dir() else place
        prefix = relative(inner, options.root)
        photos = folder_photos(inner, f"{prefix}/" if prefix else "", notes)
        for entry in entries(inner):
            if "folder" in entry.kind:
                notes.add(*_NO_CLASS, shown(entry.name))
    if not photos:
        return
    found = find_classes(place, options.root, [photo.name for photo in photos]) or _prefixes(photos, place)
    numbers = _numbering(place, sorted(set(found.wnids) if _training_classes(place) else found.all_wnids))
    _note_numbering(numbers, notes)
    if found.unused:
        one = f"label of {found.origin} is of a photo that is not here"
        many = f"labels of {found.origin} are of photos that are not here"
        notes.add(one, many, found.unused[0], len(found.unused))
    for photo, wnid in zip(photos, found.wnids, strict=True):
        yield SourceItem(photo.name, photo.ref, numbers[wnid], photo.path)


def _prefixes(photos: list[Photo], place: Location) -> PhotoClasses:
    """The class that each name begins with (``n01440764_tench``)."""
    wnids = [photo.name.split("_", 1)[0] for photo in photos]
    for photo, wnid in zip(photos, wnids, strict=True):
        if not _WNID.fullmatch(wnid):
            raise SourceFault(
                f"the class of {photo.name!r} is unknown",
                where=str(place),
                cause="the photos lie in no class folders, no file of labels is beside them",
                remedy="add val_labels.txt with lines 'name wnid', or use --dataset folder for photos "
                "without labels",
            )
    return PhotoClasses(wnids, set(wnids), [], "")
