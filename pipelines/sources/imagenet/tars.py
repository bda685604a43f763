"""The original tars of ImageNet, unpacked by nobody: a tar of class tars, or photos side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_bytes
from maskgen.io.tars import TarMember, walk
from maskgen.types import ByteRef

from ..containers.tars import SPARSE_LEFT_OUT, tar_members
from ..listing import Photo, is_hidden, is_image_name, relative, shown, split_name
from ..parts import Notes, Recall, Subject

_CLASS_TAR = re.compile(r"(?:\./)?(n\d{8})\.tar")
_NO_IMAGE = (
    "tar member that is no image file was left out",
    "tar members that are no image files were left out",
)


class ClassTar(NamedTuple):
    """A tar of one class inside the original training archive: its wnid, its name, where it lies there."""

    wnid: str
    name: str
    offset: int
    size: int


def class_tars(path: Location, recall: Recall) -> list[ClassTar]:
    """The class tars of an archive, in the order of the wnids; none when it is no archive of such.

    Raises:
        SourceFault: it cannot be read, or has a class twice, or one that is no plain file.
    """
    found = recall(Subject((path,), "imagenet class tars"), lambda: sorted(_find_class_tars(path)))
    return [ClassTar(*row) for row in found]


def _find_class_tars(path: Location) -> Iterator[ClassTar]:
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
            yield ClassTar(match[1], member.name, member.offset, member.size)


def class_tar_photos(path: Location, root: Location, inner: ClassTar, notes: Notes) -> list[Photo]:
    """The photos of one class, sorted by name.

    Raises:
        SourceFault: the archive cannot be read, or has two of one name.
    """
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


def flat_tar_photos(place: Location, root: Location, notes: Notes, recall: Recall) -> list[Photo]:
    """The photos of an archive without classes, such as that of the validation split, sorted by name.

    Raises:
        SourceFault: it cannot be read, or has two of one name.
    """
    file = relative(place, root)

    def read() -> dict[str, Any]:
        own = Notes()
        photos = _tar_photos([member for member, _ in tar_members(place)], file, file, own)
        rows = [(name, ref.offset, ref.size, path) for name, ref, path in photos]
        return {"photos": rows, "notes": own.facts()}

    found = recall(Subject((place,), f"imagenet photos of {file}"), read)
    for *fact, late in found["notes"]:
        notes.add(*fact, late=late)
    return [Photo(name, ByteRef(file, offset, size), path) for name, offset, size, path in found["photos"]]
