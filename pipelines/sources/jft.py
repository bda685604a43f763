"""JFT-like shards: TFRecord files of `tf.train.Example` with encoded images."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.folders import entries
from maskgen.io.storage.location import Location
from maskgen.types import ByteRef, Label, SourceItem

from .containers.tfrecord import (
    Data,
    Feature,
    Record,
    feature_names,
    features,
    reading,
    record_heads,
    records,
)
from .listing import Listing, SourceOptions, containers, is_image_name, relative, split_name
from .parts import Lister, Notes, Recall, file_part
from .patterns import pattern_files

_SET = re.compile(r"(.*)-(\d{5,})-of-(\d{5,})(\.record|\.tfrecords?)?")
_EXTENSIONS = ("record", "tfrecord", "tfrecords")
_MAX_NAMED = 5
_DEEP = 4  # levels of folders in which files are looked for
_BESIDE = ("file beside the set was left out", "files beside the set were left out")
_NO_IMAGE = ("record without an image was left out", "records without an image were left out")
_SEVERAL = (
    "record holds several images, of which the first is taken",
    "records hold several images, of which the first is taken",
)


class _Set(NamedTuple):
    """Files ``name-?????-of-total`` with one extension or none."""

    name: str
    total: int
    extension: str

    def file(self, number: str) -> str:
        """The name of one member."""
        return f"{self.name}-{number}-of-{self.total:05d}{self.extension}"


_ABSENT = Feature("", [], [])


def open_jft(options: SourceOptions) -> Listing:
    """Every record of one TFRecord file, of a set ``name-?????-of-?????``, or of a folder of either.

    Of a folder without any, the one below it that has them. In ``name-{00000..00009}-of-01024`` the braces
    name single files.

    The lengths of records are verified by their checksums, the data only if asked for: else images are not
    read. The reference points at the image inside the record. Labels: one
    integer, or the sorted distinct integers of several. The name is the name feature without its folder and
    its image extension, else ``<file stem>_<record number>``.
    """
    return Listing(parts=partial(_parts, options))


def _parts(options: SourceOptions, notes: Notes, _recall: Recall) -> Iterator[Lister]:
    """File by file; one whose checksums are to be verified is read whatever was found in it before."""
    features = (options.image_feature, options.label_feature, options.name_feature)
    for path in _files(options, notes):
        lister = partial(_file_items, options, path)
        given = ("jft", relative(path, options.root), *features)
        yield lister if options.verify else file_part(lister, path, given=given)


def _file_items(options: SourceOptions, path: Location, notes: Notes) -> Iterator[SourceItem]:
    file, count = relative(path, options.root), 0
    with reading(path):
        for record in (records if options.verify else record_heads)(path):
            count += 1
            yield from _record_items(record, path, file, options, notes)
    if not count:
        notes.add("file holds no record", "files hold no record", file)


def _files(options: SourceOptions, notes: Notes) -> list[Location]:
    """The files, sorted; every member of each set present."""
    place = options.input
    if place.is_file():
        return [place]
    if not place.is_dir() and "{" in place.name:
        return pattern_files(place)
    folder, pattern = (_folder_of_files(place, notes), "*") if place.is_dir() else (place.parent, place.name)
    any_name = pattern == "*"
    names = containers(
        folder,
        lambda n: (
            is_tfrecord_name(n) if any_name else fnmatch.fnmatchcase(n, pattern) and not n.startswith(".")
        ),
    )
    sets: dict[_Set, set[int]] = defaultdict(set)
    for name in names:
        if match := _SET.fullmatch(name):
            sets[_set_of(match)].add(int(match[2]))
    if sets:
        chosen = _choose(sets, options)
        _check_complete(chosen, sets[chosen], folder)
        for name in [name for name in names if not _SET.fullmatch(name)]:
            notes.add(*_BESIDE, name)
        names = [name for name in names if (match := _SET.fullmatch(name)) and _set_of(match) == chosen]
    if not names:
        raise SourceFault(
            "no TFRecord file here",
            where=str(place),
            cause="none is named name-?????-of-????? or *.record, *.tfrecord, *.tfrecords",
            remedy="give one file, or a pattern in quotes",
        )
    return [folder / name for name in names]


def _folder_of_files(place: Location, notes: Notes) -> Location:
    """The folder itself, or the one below it that alone holds TFRecord files, as data set tools nest them.

    Raises:
        SourceFault: several of those below do.
    """
    level = [place]
    for _ in range(_DEEP):
        found = [folder for folder in level if containers(folder, is_tfrecord_name)]
        if found == [place]:
            return place
        if len(found) > 1:
            raise SourceFault(
                f"{len(found)} folders hold TFRecord files",
                where=str(place),
                cause=", ".join(str(folder) for folder in found[:_MAX_NAMED]),
                remedy="give one of them as --input",
            )
        if found:
            notes.add("folder below the input is read", "", relative(found[0], place))
            return found[0]
        level = [folder / one.name for folder in level for one in entries(folder) if "folder" in one.kind]
    return place


def is_tfrecord_name(name: str) -> bool:
    """Whether a file is a member of a set, or has the extension of TFRecord files."""
    return bool(_SET.fullmatch(name)) or split_name(name)[1] in _EXTENSIONS


def _set_of(match: re.Match[str]) -> _Set:
    return _Set(match[1], int(match[3]), match[4] or "")


def _choose(sets: dict[_Set, set[int]], options: SourceOptions) -> _Set:
    """The only set, or the only one whose name tells the split."""
    found = sorted(sets)
    if len(found) > 1:
        found = [one for one in found if options.split in one.name]
    if len(found) != 1:
        listed = ", ".join(one.file("?????") for one in sorted(sets)[:_MAX_NAMED])
        raise SourceFault(
            f"several sets of files, and not exactly one is named {options.split!r}",
            where=str(options.input),
            cause=listed,
            remedy="give one of these patterns in quotes as --input",
        )
    return found[0]


def _check_complete(chosen: _Set, present: set[int], folder: Location) -> None:
    total = chosen.total
    if max(present) >= total:
        raise SourceFault(
            f"a file numbered {max(present)} in a set of {total}",
            where=str(folder / chosen.file("?????")),
            cause="two sets are mixed",
            remedy="give one set in a folder of its own, or a pattern in quotes",
        )
    missing = total - len(present)
    if missing:
        first = [number for number in range(min(total, len(present) + _MAX_NAMED)) if number not in present]
        listed = ", ".join(chosen.file(f"{number:05d}") for number in first[:_MAX_NAMED])
        raise SourceFault(
            f"{missing} of the set's {total} files are missing",
            where=str(folder),
            cause=f"an unfinished copy; not here: {listed}",
            remedy="copy the rest, or give single files",
        )


def _record_items(
    record: Record, path: Location, file: str, options: SourceOptions, notes: Notes
) -> Iterator[SourceItem]:
    where = f"{file}#{record.number}"
    wanted = frozenset({options.image_feature, options.label_feature, options.name_feature})
    try:
        found = features(record.data, wanted)
    except ValueError as error:
        raise SourceFault(
            f"record {record.number} at byte {record.offset - 12} is no tf.train.Example",
            where=str(path),
            cause=str(error),
            remedy="write the file anew, records of tf.train.Example alone",
        ) from error
    image = found.get(options.image_feature, _ABSENT)
    if not image.spans:
        if not record.number:
            raise _no_image(record, path, options)
        notes.add(*_NO_IMAGE, where)
        return
    if len(image.spans) > 1:
        notes.add(*_SEVERAL, where)
    start, end = image.spans[0]
    label = _label(found.get(options.label_feature, _ABSENT), where, notes)
    name = _name(found.get(options.name_feature, _ABSENT), record.data)
    yield SourceItem(
        name or f"{Path(file).stem}_{record.number:08d}",
        ByteRef(file, record.offset + start, end - start),
        label,
        where,
    )


def _no_image(record: Record, path: Location, options: SourceOptions) -> SourceFault:
    names = feature_names(record.data)
    return SourceFault(
        f"the first record has no bytes in the feature {options.image_feature!r}",
        where=str(path),
        cause=f"its features are {', '.join(names[:20]) or 'none'}",
        remedy="name the one with the encoded image by --image-feature",
    )


def _label(feature: Feature, where: str, notes: Notes) -> Label:
    if feature.kind not in ("int64", ""):
        kind = feature.kind
        one, many = f"label is {kind}, not an integer", f"labels are {kind}, not integers"
        notes.add(f"{one}: unlabelled", f"{many}: unlabelled", where)
    values = tuple(sorted(set(feature.integers)))
    return values[0] if len(values) == 1 else values or None


def _name(feature: Feature, data: Data) -> str:
    """The name feature without folder and image extension; empty when there is none."""
    if not feature.spans:
        return ""
    start, end = feature.spans[0]
    text = data[start : min(end, start + 4096)].replace(b"\\", b"/").decode("utf-8", "backslashreplace")
    name = text.rsplit("/", 1)[-1].strip()
    return split_name(name)[0] if is_image_name(name) else name
