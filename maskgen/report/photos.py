"""The photos of masks that come without: in a folder, by whatever a mask may know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from maskgen.loaders.dataset.find_originals import find_by_key, seek_photos
from maskgen.loaders.dataset.originals import Place, read_paths
from maskgen.loaders.inspect.originals import read_original

from ..errors import UsageError
from ..evaluation.names import name_of
from ..io.folders import walk_folder
from ..io.storage.location import Location, open_location
from ..shards.naming import safe_key
from ..types import RGB
from .sample import Sample

_ENDINGS = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))


def find_photos(
    samples: Sequence[Sample], folder: Location, data: Location | None
) -> dict[str, Callable[[], RGB]]:
    """What reads the photos of masks that come without, by the masks' keys.

    A photo is a file at the mask's path, or where a sidecar data set has it: a member of a tar, a zip or a
    TFRecord file, or in any tar under its key. What is left is found by a file's key or stem, unless two
    files have it. What is held grows with the masks, not with the folder.

    Args:
        samples: the masks.
        folder: where their photos are looked for.
        data: the folder of the shards; None of plain maps.

    Raises:
        UsageError: none of the photos is there.
        ShardFault: a tar is damaged, or the plan that says where photos lie in a file is not there.
        SourceFault: a folder cannot be listed.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    lone = {one.key: one for one in samples if one.entry.photo is None}
    found = {key: place for key, one in lone.items() if (place := _file_at(folder, one.path))}
    for look in (partial(_in_archives, data), _in_files) if data else (_in_files, _in_tars):
        rest = [one for key, one in lone.items() if key not in found]
        found |= look(rest, folder) if rest else {}
    if lone and not found:
        raise UsageError(
            "the photos of these masks are not here",
            where=f"{next(iter(lone.values())).path} in {folder}",
            cause="another folder than the one the masks were made from",
            remedy="give the run's --input, or its folder when that was one file",
        )
    return {key: partial(read_original, folder, place, key) for key, place in found.items()}


def _file_at(folder: Location, path: str) -> Place | None:
    """The file of a path that stays in the folder."""
    if any(part in ("", ".", "..") for part in path.split("/")) or not (folder / path).is_file():
        return None
    return Place(path, 0, (folder / path).stat().st_size)


def _in_archives(data: Location, samples: Sequence[Sample], folder: Location) -> dict[str, Place]:
    """As a sidecar data set finds its photos."""
    keys = dict[str, list[str]]()
    for one in samples:
        keys.setdefault(open_location(one.entry.mask.file).stem, []).append(one.key)
    shards = [read_paths(data, shard) for shard in sorted(keys)]
    parts = [one.take(np.isin(np.array(one.keys), keys[one.shard])) for one in shards]
    names = [key for part in parts for key in part.keys.to_pylist()]
    places = zip(names, seek_photos(folder, parts, data), strict=True)
    return {key: place for key, place in places if isinstance(place, Place)}


def _in_tars(samples: Sequence[Sample], folder: Location) -> dict[str, Place]:
    """In any tar under the names of their maps."""
    tars = [name for name, _ in _files(folder, {".tar"})]
    found, _ = find_by_key(folder, tars, [one.key for one in samples])
    return {key: place for key, place in found.items() if place}


def _in_files(samples: Sequence[Sample], folder: Location) -> dict[str, Place]:
    """By the key that a run would give a file, or by its stem."""
    found = dict[str, Place | None]()
    wanted = {name for one in samples for name in one.entry.names}
    for path, size in _files(folder, _ENDINGS):
        for name in {safe_key(path.rpartition(".")[0]), name_of(path)} & wanted:
            found[name] = None if name in found else Place(path, 0, size)
    named = {one.key: [found.get(name) for name in one.entry.names] for one in samples}
    return {key: place for key, places in named.items() if (place := next(filter(None, places), None))}


def _files(folder: Location, endings: frozenset[str] | set[str]) -> Iterator[tuple[str, int]]:
    """Path and size of each file with one of some endings."""
    for entry in walk_folder(folder):
        if entry.kind == "file" and PurePosixPath(entry.name).suffix.lower() in endings:
            yield entry.name, entry.size
