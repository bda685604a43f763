"""The classes of ImageNet's flat validation photos, from the files of labels that people have."""

from __future__ import annotations

from typing import NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import read_whole
from maskgen.io.wnids import BY_NAME, IN_ORDER, NUMBERS, WNID, Row, split_rows

from ..listing import is_image_name, split_name

_MAX_BYTES = 64 << 20


class PhotoClasses(NamedTuple):
    """The class of each photo.

    Args:
        wnids: one per photo, in the photos' order.
        all_wnids: every class that the file knows.
        unused: names that the file labels and that are not among the photos.
        origin: the file's name.
    """

    wnids: list[str]
    all_wnids: set[str]
    unused: list[str]
    origin: str


def find_classes(place: Location, root: Location, names: list[str]) -> PhotoClasses | None:
    """The classes of the photos `names` (sorted, without extension) from a file in or beside `place`.

    Read are lines ``name wnid`` (``val_labels.txt``, tiny-imagenet's ``val_annotations.txt``), Kaggle's
    ``LOC_val_solution.csv``, and one wnid per photo in the order of the names. The devkit's integers are
    refused: their numbering is not the order of the wnids and cannot be told from the file.

    Raises:
        SourceFault: a malformed line, a photo without a class, integers instead of wnids.
    """
    folders = [place] if place.is_dir() else []
    folders += [place.parent] if place != root else []
    folders += [root]
    for file in (folder / name for name in (*BY_NAME, IN_ORDER, NUMBERS) for folder in folders):
        if file.is_file():
            rows = _rows(file)
            ordered = all(not name for name, _ in rows)
            return _in_order(rows, names, file) if ordered else _by_name(rows, names, file)
    return None


def _rows(file: Location) -> list[tuple[str, str]]:
    """(name without extension, wnid) of each line; the name is empty when the line is a wnid alone."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SourceFault(
                "a file of labels that is too large",
                where=str(file),
                cause=f"cap {_MAX_BYTES} bytes",
                remedy="give lines 'name wnid' alone",
            )
        lines = read_whole(file).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceFault(
            "cannot read the labels",
            where=str(file),
            cause=str(error),
            remedy="write it again as UTF-8 text, with lines 'name wnid'",
        ) from error
    return [_pair(row, file) for row in split_rows(lines)]


def _pair(row: Row, file: Location) -> tuple[str, str]:
    name, where = row.name, f"{file}, line {row.number}"
    if WNID.fullmatch(row.wnid):
        return (split_name(name)[0] if is_image_name(name) else name), row.wnid
    if row.wnid.isdecimal():
        raise SourceFault(
            "integer labels cannot be told apart",
            where=where,
            cause="the devkit's ILSVRC ids are not the order of the wnids",
            remedy="write val_labels.txt with lines 'ILSVRC2012_val_00000001 n01751748' from the devkit's "
            "meta data",
        )
    raise SourceFault(
        f"a line without a wnid: {row.text[:80]!r}",
        where=where,
        remedy="write lines 'name wnid'",
    )


def _in_order(rows: list[tuple[str, str]], names: list[str], file: Location) -> PhotoClasses:
    if len(rows) != len(names):
        raise SourceFault(
            f"{len(rows)} labels in the photos' order for {len(names)} photos",
            where=str(file),
            remedy="complete the photos, or write lines 'name wnid'",
        )
    wnids = [wnid for _, wnid in rows]
    return PhotoClasses(wnids, set(wnids), [], file.name)


def _by_name(rows: list[tuple[str, str]], names: list[str], file: Location) -> PhotoClasses:
    known: dict[str, str] = {}
    for name, wnid in rows:
        if not name or known.setdefault(name, wnid) != wnid:
            raise SourceFault(
                f"two classes for the photo {name!r}", where=str(file), remedy="remove the wrong line"
            )
    missing = [name for name in names if name not in known]
    if missing:
        raise SourceFault(
            f"{len(missing)} photos have no class",
            where=str(file),
            cause=f"the first is {missing[0]!r}",
            remedy="add them to the file",
        )
    unused = sorted(known.keys() - set(names))
    return PhotoClasses([known[name] for name in names], set(known.values()), unused, file.name)
