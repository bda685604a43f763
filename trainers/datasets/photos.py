"""Photos to train on without masks: a plain folder, or a public set as it is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.io.folders import walk_folder
from maskgen.loaders import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.shards.subset import SubsetDraw
from maskgen.types import RGB

from ..data.shards import open_data, subset_of
from ..settings import Settings
from .public.picture import read_picture
from .public.place import Place, parse_kind

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def open_training(settings: Settings) -> Dataset | PhotoSet:
    """What a run trains on: shards, or photos alone where ``data`` is ``folder:PATH`` or ``KIND:PATH``.

    Raises:
        UsageError: there are no photos, or an option that is for shards alone.
        SourceFault: some files of a public set are missing.
        ShardFault: the shards are damaged.
    """
    place = parse_kind(settings.data)
    if place is None:
        return open_data(settings)
    _refuse_options_of_shards(settings)
    photos = photos_of_set(place) if isinstance(place, Place) else photos_of_folder(place)
    return _take(photos, settings, place if isinstance(place, Path) else place.path)


def photos_of_folder(folder: Path) -> PhotoSet:
    """All pictures of a folder, at any depth, in the order of their paths.

    The folders at the top are classes where every picture lies in one.

    Raises:
        UsageError: there are none.
        SourceFault: a folder cannot be listed.
    """
    entries = [one for one in walk_folder(folder) if one.kind != "circle"] if folder.is_dir() else []
    found = sorted(
        (Path(entry.name), entry.size) for entry in entries if Path(entry.name).suffix.lower() in _ENDINGS
    )
    if not found:
        raise UsageError(
            "there are no photos",
            where=str(folder),
            cause=f"no file in it or below ends in {', '.join(sorted(_ENDINGS))}",
            remedy="give the folder that holds them",
        )
    paths = [path for path, _ in found]
    sorted_in = all(len(path.parts) > 1 for path in paths)
    names = dict(enumerate(sorted({path.parts[0] for path in paths}))) if sorted_in else {}
    numbers = {name: number for number, name in names.items()}
    labels = [numbers.get(path.parts[0], -1) for path in paths]
    rows = [(str(path), size, label) for (path, size), label in zip(found, labels, strict=True)]

    def read(number: int) -> RGB:
        path = folder / paths[number]
        return read_picture(path.read_bytes(), str(path), "mend it, or remove it")

    return PhotoSet(
        str(folder), digest(rows), np.array(labels, np.int64), read, lambda n: paths[n].as_posix(), names
    )


def photos_of_set(place: Place) -> PhotoSet:
    """The pictures of a split of a public set, labeled or not.

    Raises:
        SourceFault: some files of the set are missing.
    """
    found = place.open()
    paths = found.paths

    def key(number: int) -> str:
        return paths[number] if paths else str(number)

    return PhotoSet(str(place), found.fingerprint, found.labels, found.read, key, found.names)


def _take(photos: PhotoSet, settings: Settings, root: Path) -> PhotoSet:
    """The part of them that a run trains on."""
    subset = subset_of(settings)
    if not subset:
        return photos
    draw = SubsetDraw(subset, root)
    for number, label in enumerate(photos.labels.tolist()):
        key = photos.key(number)
        draw.add(key, label if label >= 0 else None, key)
    return photos.take(draw.chosen())


def _refuse_options_of_shards(settings: Settings) -> None:
    given = {
        "--photos": settings.photos,
        "--cache": settings.cache,
        "--shuffle": settings.shuffle != "global",
        "--loader dali": settings.loader == "dali",
    }
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{name} is for shards, and this is a folder of photos",
                where=settings.data,
                remedy=f"leave {name} out, or make shards with maskgen run",
            )
