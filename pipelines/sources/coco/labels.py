"""What an instances file says: the categories that each photo shows."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.walks import WalkPart

from ..containers.jsonstream import array_elements

_MAX_IMAGES = 20_000_000
_INT64 = 1 << 63


class Labels(NamedTuple):
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


def deal_labels(labels: Labels, walks: list[WalkPart]) -> Iterator[Labels]:
    """The labels that the photos of each part may have.

    Args:
        labels: all of them.
        walks: the parts of the photos' folder.
    """
    inner = f"{labels.folder}/"
    ordered = sorted((order(name.removeprefix(inner)), name) for name in labels.known)
    keys = [key for key, _ in ordered]
    starts = [bisect_left(keys, walk.least) for walk in walks]
    for start, end in itertools.pairwise([*starts, len(keys)]):
        own = [name for _, name in ordered[start:end]]
        yield labels._replace(known={name: labels.known[name] for name in own}, own=own)


def order(name: str) -> bytes:
    """By which photos are listed, as folders are: the bytes of their names."""
    return name.encode("utf-8", "backslashreplace")


def read_labels(path: Location) -> dict[str, list[int]]:
    """Sorted category ids by file name; the images may follow the annotations in the file, or lead.

    Raises:
        SourceFault: the file is damaged or cut short, or an entry is not one of COCO's.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
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
