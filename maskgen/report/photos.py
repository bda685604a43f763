"""The photos of masks that come without, in a folder, by whatever a mask may know of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from ..errors import UsageError
from ..evaluation.names import name_of
from ..evaluation.reading import Blob
from ..io.folders import walk_folder
from ..io.storage.location import Location
from ..shards.naming import safe_key
from .sample import Sample, find_named

_ENDINGS = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))


def list_photos(folder: Location) -> dict[str, Blob]:
    """The photos of a folder and those below: by path, by the key that a run gives it, and by file stem.

    A key or a stem that two photos have is neither's.

    Raises:
        UsageError: there is none.
        SourceFault: a folder cannot be listed.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    paths = [
        entry.name
        for entry in walk_folder(folder)
        if entry.kind == "file" and PurePosixPath(entry.name).suffix.lower() in _ENDINGS
    ]
    if not paths:
        raise UsageError(
            "no photo in this folder",
            where=str(folder),
            remedy="give the folder of the photos; those in tars are drawn by maskgen preview --photos",
        )
    found: dict[str, Blob | None] = {}
    for path in paths:
        blob = Blob(str(folder / path))
        for name in {safe_key(path.rpartition(".")[0]), name_of(path)}:
            found[name] = None if name in found else blob
    found |= {path: Blob(str(folder / path)) for path in paths}
    return {name: blob for name, blob in found.items() if blob is not None}


def photo_of(sample: Sample, photos: Mapping[str, Blob]) -> Blob | None:
    """The photo of a mask: the shard's own, else that of its path, its key or its name."""
    if sample.entry.photo is not None:
        return sample.entry.photo
    found: Blob | None = photos.get(sample.path) or find_named(sample.entry, photos)
    return found
