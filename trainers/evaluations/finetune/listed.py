"""A part of the training images, by a file that lists them: SimCLR's 1 % and 10 % of ImageNet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import Images

_MAX_BYTES = 256 << 20
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Listed:
    """The images that a list names.

    Args:
        images: in the order of their folder; classes keep their numbers.
        lines: of the list.
        missing: lines that name no image.
    """

    images: Images
    lines: int
    missing: int


def read_list(path: Path) -> list[str]:
    """The names in a list, one a line, as ``n04235860_14959.JPEG`` or ``n04235860/n04235860_14959.JPEG``.

    Raises:
        UsageError: it cannot be read, is empty, or names an image twice.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= _MAX_BYTES else ""
    except (OSError, ValueError) as error:
        raise _no_list("cannot read a list of images", path, str(error)) from error
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        cause = f"it is over {_MAX_BYTES >> 20} MB" if size > _MAX_BYTES else "it is empty"
        raise _no_list("the list names no image", path, cause)
    counted = Counter(_stem(name) for name in names)
    if twice := [name for name, count in counted.items() if count > 1]:
        raise _no_list("the list names an image twice", path, twice[0])
    return names


def take_listed(images: Images, path: Path, *, allow_missing: bool = False) -> Listed:
    """The images that a list names: by the names of their files, or by the keys of shards.

    Args:
        images: of a folder of classes, or of shards.
        path: the list.
        allow_missing: leave out what is not there, else it is an error.

    Raises:
        UsageError: as `read_list`; some or all images are not there, two have one name, or a name begins with
            another class than its image is of.
    """
    names, rows = read_list(path), _rows_by_stem(images)
    lost = [name for name in names if _stem(name) not in rows]
    if lost and (not allow_missing or len(lost) == len(names)):
        raise UsageError(
            f"{len(lost)} of {len(names)} images of the list are not among the training images: "
            f"{', '.join(lost[:_SHOWN])}" + (" and more" if len(lost) > _SHOWN else ""),
            where=str(path),
            remedy="give the training images that the list was made of"
            + ("" if len(lost) == len(names) else ", or --allow-missing to go on without these"),
        )
    found = {name: rows[_stem(name)] for name in names if _stem(name) in rows}
    _check_classes(images, found, path)
    taken = images.take(np.array(sorted(found.values()), np.int64))
    return Listed(taken, len(names), len(lost))


def _stem(name: str) -> str:
    return Path(name).stem


def _rows_by_stem(images: Images) -> dict[str, int]:
    if images.shards is not None:
        titles: Sequence[str] = images.shards[0].keys(images.shards[1])
    elif images.files:
        titles = [_stem(name) for name in images.files]
    else:
        raise UsageError(
            "a list needs training images that have names",
            cause="the images of this set lie in its own files",
            remedy="give a folder of classes, or shards; leave --list out for the whole set",
        )
    rows = {title: row for row, title in enumerate(titles)}
    if len(rows) < len(titles):
        raise UsageError(
            f"{len(titles) - len(rows)} training images have the name of another",
            cause="a list tells images by their names, whatever their class",
            remedy="rename them, or leave --list out",
        )
    return rows


def _check_classes(images: Images, found: dict[str, int], path: Path) -> None:
    """A wnid before the underscore is the image's class, where it is the name of one."""
    known = set(images.names.values())
    for name, row in found.items():
        prefix = _stem(name).partition("_")[0]
        own = images.names.get(int(images.labels[row]), prefix)
        if prefix in known and prefix != own:
            raise UsageError(
                f"{name} lies among the images of {own}",
                where=str(path),
                cause="a name begins with its class",
                remedy=f"move it to {prefix}",
            )


def _no_list(what: str, path: Path, cause: str) -> UsageError:
    return UsageError(what, where=str(path), cause=cause, remedy="one image a line, as SimCLR's 1percent.txt")
