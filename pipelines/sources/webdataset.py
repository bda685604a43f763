"""Existing WebDataset shards: tars whose adjacent members of one key are a sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.tars import ReadAt, TarMember
from maskgen.types import ByteRef, Label, SourceItem

from .containers.tars import SPARSE_LEFT_OUT, is_gzip, tar_members
from .listing import Listing, SourceOptions, containers, relative, shown
from .parts import Lister, Notes, file_part
from .patterns import pattern_files

_IMAGES = ("jpg", "jpeg", "png", "webp")
_LABELS = ("cls", "json")
_MAX_LABEL_BYTES = 1 << 20
_MAX_PARTS = 1000
_INT64 = 1 << 63
_NO_SAMPLE = (
    "tar member that is no file of a sample was left out",
    "tar members that are no files of a sample were left out",
)
_NO_PHOTO = (
    "sample without a jpg, jpeg, png or webp was left out",
    "samples without a jpg, jpeg, png or webp were left out",
)
_NO_LABEL = (
    "sample has no integer label in .cls or .json",
    "samples have no integer label in .cls or .json",
)


@dataclass(slots=True)
class _Sample:
    """The members of one key that matter here, by extension."""

    key: str
    images: dict[str, TarMember] = field(default_factory=dict)
    labels: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


def open_webdataset(options: SourceOptions) -> Listing:
    """Every sample with a photo, the first of jpg, jpeg, png and webp, of one tar, a folder or a pattern.

    The name is webdataset's key: the member's path up to the first dot of its last part. Labels come from
    ``.cls`` (an ASCII integer) or the ``label`` of ``.json`` (an integer or a list of them).
    """
    return Listing(parts=lambda _notes, _recall: _parts(options), names_are_keys=True)


def _parts(options: SourceOptions) -> Iterator[Lister]:
    """Tar by tar."""
    for path in _tars(options.input):
        file = relative(path, options.root)
        yield file_part(partial(_tar_items, path, file), path, given=("webdataset", file))


def _tars(place: Location) -> list[Location]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        return pattern_files(place)
    names = containers(place, lambda name: name.lower().endswith((".tar", ".tar.gz", ".tgz")))
    tars = [place / name for name in names]
    if not tars:
        raise SourceFault(
            "no .tar, .tar.gz or .tgz file here", where=str(place), remedy="give the folder of the shards"
        )
    return tars


def _tar_items(path: Location, file: str, notes: Notes) -> Iterator[SourceItem]:
    sample: _Sample | None = None
    codec = "gzip" if is_gzip(path) else ""
    for member, read_at in tar_members(path):
        key, extension = _key(member.name)
        if not member.plain or not key:
            if not member.folder:
                fact = SPARSE_LEFT_OUT if member.sparse else _NO_SAMPLE
                notes.add(*fact, f"{file}/{shown(member.name)}")
            continue
        if sample is None or sample.key != key:
            yield from _finish(sample, file, codec, notes)
            sample = _Sample(key)
        _add(sample, extension, member, read_at, str(path))
    yield from _finish(sample, file, codec, notes)


def _key(name: str) -> tuple[str, str]:
    """Key and lower-case extension at the first dot of the last path part; empty when it has none."""
    folder, slash, base = name.rpartition("/")
    stem, dot, extension = base.partition(".")
    return (f"{folder}{slash}{stem}", extension.lower()) if stem and dot else ("", "")


def _add(sample: _Sample, extension: str, member: TarMember, read_at: ReadAt, where: str) -> None:
    if extension in sample.seen:
        raise SourceFault(
            f"the sample {shown(sample.key)!r} has two members .{extension}",
            where=where,
            cause="two samples of the same key, or an archive that was appended to",
            remedy="write the shard again with unique keys",
        )
    sample.seen.add(extension)
    if len(sample.seen) > _MAX_PARTS:
        raise SourceFault(
            f"the sample {shown(sample.key)!r} has more than {_MAX_PARTS} members",
            where=where,
            remedy="check the archive: a key must name one sample only",
        )
    if extension in _IMAGES:
        sample.images[extension] = member
    elif extension in _LABELS and member.size <= _MAX_LABEL_BYTES:
        sample.labels[extension] = read_at(member.offset, member.size)


def _finish(sample: _Sample | None, file: str, codec: str, notes: Notes) -> Iterator[SourceItem]:
    if sample is None:
        return
    key = shown(sample.key)
    extension = next((e for e in _IMAGES if e in sample.images), None)
    if extension is None:
        notes.add(*_NO_PHOTO, f"{file}/{key}")
        return
    member = sample.images[extension]
    label = _label(sample.labels)
    if sample.labels and label is None:
        notes.add(*_NO_LABEL, f"{file}/{key}")
    ref = ByteRef(file, member.offset, member.size, codec)
    yield SourceItem(key, ref, label, f"{file}/{shown(member.name)}")


def _label(parts: dict[str, bytes]) -> Label:
    if "cls" in parts:
        text = parts["cls"].strip()[:20]
        digits = text.removeprefix(b"-")
        return _checked(int(text)) if digits.isdigit() else None
    try:
        value = json.loads(parts.get("json", b"null"))
    except (ValueError, RecursionError):
        return None
    label = value.get("label") if isinstance(value, dict) else None
    if isinstance(label, list):
        numbers = [_checked(one) for one in label]
        return None if None in numbers else tuple(n for n in numbers if n is not None)
    return _checked(label)


def _checked(value: object) -> int | None:
    """The value when it is an integer of 64 bits."""
    return value if type(value) is int and -_INT64 <= value < _INT64 else None
