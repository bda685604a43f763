"""The commit records of a data set in an object store, copied to a folder: with few requests.

A manifest holds all that the records did when it was written. A record that the store lists with the size and
the MD5 of what the manifest says of its shard is not asked for: of 300,000 that would take minutes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ShardFault
from ..io.atomic import disk_errors
from ..io.storage.bucket import Entry
from ..io.storage.listing import list_widely
from ..io.storage.location import ObjectLocation
from ..io.storage.reading import read_many
from . import manifest, naming

_FEW = 500
"""Records that are asked for one by one sooner than a manifest is read."""


def pull_records(location: ObjectLocation, folder: Path, names: Container[str] | None = None) -> bool:
    """Copy the records that are not here yet, and remove those that are no longer there.

    The copies are of this process alone, and their times those of the objects.

    Args:
        location: of the data set.
        folder: that the run works in.
        names: of the shards whose records are copied; None for all.

    Returns:
        Whether any came or went.

    Raises:
        FileNotFoundError: no such bucket.
        EnvironmentFault: the store cannot be reached or refuses, or the disk is full.
    """
    own = folder / naming.RECORDS
    own.mkdir(exist_ok=True)
    found = list_widely(location / naming.RECORDS)
    entries = {one.key: one for one in found if names is None or one.key.partition(".")[0] in names}
    here = {path.name for path in own.iterdir()}
    gone = {name for name in here - entries.keys() if name.endswith(".json")}
    for name in gone:
        (own / name).unlink()
    wanted = {name: entries[name] for name in sorted(entries.keys() - here)}
    with disk_errors(own):
        for name, data in _contents(location, wanted):
            (own / name).write_bytes(data)
            made = entries[name].written_ns
            os.utime(own / name, ns=(made, made))
    return bool(gone) or any(name.endswith(".json") for name in wanted)


def _contents(location: ObjectLocation, wanted: Mapping[str, Entry]) -> Iterator[tuple[str, bytes]]:
    known = _rolled_up(location, wanted) if len(wanted) > _FEW else {}
    yield from known.items()
    rest: Sequence[str] = [name for name in wanted if name not in known]
    yield from zip(rest, read_many([location / naming.RECORDS / name for name in rest]), strict=True)


def _rolled_up(location: ObjectLocation, wanted: Mapping[str, Entry]) -> dict[str, bytes]:
    """Those that are as the manifest has them.

    An ETag is an MD5 where a store makes it so: at Amazon's without a key of one's own, and at Google's.
    """
    try:
        shards = manifest.read(location).shards
    except ShardFault:  # none yet, or a damaged one
        return {}
    found = {}
    for record in shards:
        name = f"{record.name}.json"
        entry = wanted.get(name)
        if entry is not None:
            data = record.render()
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if (entry.size, entry.e_tag.strip('"')) == (len(data), md5):
                found[name] = data
    return found
