"""What lies below a prefix of an object store, as a folder would list it: in order, without its markers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from maskgen.errors import SourceFault
from maskgen.processes.threads import map_threads

from .bucket import Entry
from .location import ObjectLocation
from .ranges import ALL_KEYS, Range, key_ranges
from .reading import AT_A_TIME

_STRETCH = 4


def walk_objects(root: ObjectLocation, part: Range = ALL_KEYS) -> Iterator[Entry]:
    """The objects below a prefix, sorted by the bytes of their names; one page of them is held.

    Tools that show a store as folders leave objects of no bytes as their marks, ``photos/`` for one: these
    are passed over, and so is an empty object whose name has no extension, which may be one.

    Args:
        root: the prefix.
        part: only the keys in this range.

    Yields:
        Each object with its name from the prefix in place of its key.

    Raises:
        FileNotFoundError: no such bucket.
        SourceFault: the store lists in another order.
        EnvironmentFault: it cannot be reached or refuses, or a name in it cannot be used.
    """
    skipped = len(root.key) + 1 if root.key else 0
    last, until = part.after.encode(), part.until.encode()
    objects = root.bucket.walk(root.key, part.after) if part.listed is None else part.listed
    found = itertools.chain(objects, (None,))
    for entry, following in itertools.pairwise(found):
        if entry is not None and until and entry.key.encode() > until:
            return
        if entry is None or _is_marker(entry, following, root.key, last):
            continue
        if entry.key.encode() < last:
            raise SourceFault(
                "the store lists its objects in no order",
                where=str(root),
                cause=f"{entry.key} after {last.decode()}; Amazon's directory buckets are so",
                remedy="copy them to a bucket of the general kind, or to a disk",
            )
        last = entry.key.encode()
        yield entry._replace(key=entry.key[skipped:])


def list_widely(root: ObjectLocation) -> list[Entry]:
    """All objects below a prefix, as `walk_objects` tells them, listed in ranges side by side.

    Raises:
        FileNotFoundError: no such bucket.
        SourceFault: the store lists in another order.
        EnvironmentFault: it cannot be reached or refuses, or a name in it cannot be used.
    """
    parts = map_threads(lambda part: list(walk_objects(root, part)), key_ranges(root, AT_A_TIME), AT_A_TIME)
    return [entry for part in parts for entry in part]


def _is_marker(entry: Entry, following: Entry | None, root: str, last: bytes) -> bool:
    """Whether an object stands for a folder.

    Its key had a slash at its end, which is gone here, but not from the order.
    """
    if entry.size:
        return False
    holds_next = following is not None and following.key.startswith(f"{entry.key}/")
    plain = "." not in entry.key.rpartition("/")[2]
    return entry.key == root or plain or holds_next or entry.key.encode() < last


def list_objects(folder: ObjectLocation) -> tuple[list[str], list[Entry]]:
    """The names of the folders and the objects directly below a prefix, each object with its name alone.

    Raises:
        FileNotFoundError: no such bucket.
        EnvironmentFault: the store cannot be reached or refuses, or a name in it cannot be used.
    """
    prefixes, entries = folder.bucket.list_level(folder.key)
    named = [entry._replace(key=entry.key.rpartition("/")[2]) for entry in entries if entry.key != folder.key]
    return [key.rpartition("/")[2] for key in prefixes], [e for e in named if e.size or "." in e.key]


def written_times(root: ObjectLocation, names: Sequence[str]) -> dict[str, int]:
    """When each object was written, ns since the epoch; 0 of one that is not there.

    Neighbors, as the photos of a shard are, come by a listing of the stretch from the first to the last of
    them. Few, and those beyond a stretch of four times as many objects, are asked for one by one.

    Args:
        root: the folder of the names.
        names: of objects below it.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses.
    """
    found: dict[str, int] = {}
    if len(names) > AT_A_TIME:
        wanted, last = set(names), max(names)
        skipped = len(root.key) + 1 if root.key else 0
        stretch = root.bucket.walk(root.key, (root / min(names)).key[:-1])
        for entry in itertools.islice(stretch, _STRETCH * len(names)):
            if entry.key[skipped:] in wanted:
                found[entry.key[skipped:]] = entry.written_ns
            if entry.key[skipped:] >= last:
                break
    rest = [name for name in names if name not in found]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return {**found, **dict(zip(rest, pool.map(lambda name: _written(root / name), rest), strict=True))}


def _written(place: ObjectLocation) -> int:
    try:
        return place.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
