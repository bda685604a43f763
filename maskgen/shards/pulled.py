"""The commit records of a data set in an object store, copied to a folder."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

from ..io.atomic import disk_errors
from ..io.storage.location import ObjectLocation
from . import manifest, naming


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
    entries = manifest.list_records(location, names)
    here = {path.name for path in own.iterdir()}
    gone = {name for name in here - entries.keys() if name.endswith(".json")}
    for name in gone:
        (own / name).unlink()
    wanted = {name: entries[name] for name in sorted(entries.keys() - here)}
    with disk_errors(own):
        for name, data in manifest.record_contents(location, wanted):
            (own / name).write_bytes(data)
            made = entries[name].written_ns
            os.utime(own / name, ns=(made, made))
    return bool(gone) or any(name.endswith(".json") for name in wanted)
