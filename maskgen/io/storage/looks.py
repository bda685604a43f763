"""How files look from outside, by which it is told that one is no longer what it was, without reading it."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from maskgen.processes.threads import map_threads

from .bucket import Entry
from .location import Location, ObjectLocation
from .reading import AT_A_TIME

_YOUNG_NS = 3_000_000_000
"""Two writes in one tick of a file system's clock leave the same time; the coarsest tick is 2 s."""
_CHUNK = 500
_FEW = 16


def looks(places: Iterable[Location]) -> dict[Location, str]:
    """Size and times of files, or size and ETag of objects, as a text for each.

    A text is the same as long as the file is, and another once it has been written, replaced, moved or
    linked. Of many objects of one folder a listing tells them, of few each is asked for.

    Args:
        places: of files.

    Returns:
        The texts; empty for a file that is not there, or was written so lately that the next change might
        not show.

    Raises:
        EnvironmentFault: the object store cannot be reached or refuses.

    Example:
        >>> import os, pathlib, tempfile
        >>> from maskgen.io.storage.looks import looks
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a"
        >>> _ = path.write_bytes(b"abc")
        >>> looks([path])[path]
        ''
        >>> os.utime(path, (10, 10))
        >>> looks([path])[path].split()[:2]
        ['3', '10000000000']
    """
    wanted = list(dict.fromkeys(places))
    local = [place for place in wanted if not isinstance(place, ObjectLocation)]
    chunks = [local[start : start + _CHUNK] for start in range(0, len(local), _CHUNK)]
    found: dict[Location, str] = {}
    for texts in map_threads(_local_looks, chunks, AT_A_TIME if len(chunks) > 1 else 1):
        found |= texts
    folders: dict[ObjectLocation, list[ObjectLocation]] = defaultdict(list)
    for place in wanted:
        if isinstance(place, ObjectLocation):
            folders[place.parent].append(place)
    for folder, objects in folders.items():
        found |= _object_looks(folder, objects)
    return found


def _local_looks(paths: list[Path]) -> dict[Location, str]:
    now = time.time_ns()
    return {path: _local_look(path, now) for path in paths}


def _local_look(path: Path, now: int) -> str:
    """Beside the time of the content, which may be set at will, that of the last change of any kind."""
    try:
        status = os.stat(path)  # noqa: PTH116 - half the time
    except OSError:
        return ""
    if status.st_mtime_ns > now - _YOUNG_NS:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _object_looks(folder: ObjectLocation, objects: list[ObjectLocation]) -> dict[Location, str]:
    if len(objects) > _FEW:
        there = {entry.key: entry for entry in folder.entries()}
        return {place: _object_look(there.get(place.key)) for place in objects}
    return dict(zip(objects, map_threads(_asked_look, objects, AT_A_TIME), strict=True))


def _asked_look(place: ObjectLocation) -> str:
    try:
        return _object_look(place.bucket.head(place.key))
    except FileNotFoundError:
        return ""


def _object_look(entry: Entry | None) -> str:
    """An ETag is another one for each content; a store without them tells the second of the last upload."""
    if entry is None:
        return ""
    if entry.e_tag:
        return f"{entry.size} {entry.e_tag}"
    return "" if entry.written_ns > time.time_ns() - _YOUNG_NS else f"{entry.size} {entry.written_ns}"
