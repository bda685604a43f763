"""Files that lie in a data set's folder and do not belong to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..io.atomic import disk_errors, folder_lock, fsync_folder, make_folder
from ..io.storage.location import Location
from . import manifest, naming, plan
from .record import Record


def find(output: Location, shards: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Names of files that a reader could take for a part of the data set, each with a sentence.

    Args:
        output: the data set's folder.
        shards: the shards that belong to it.
    """
    known = {f"{record.name}.{suffix}" for record in shards for suffix in record.files}
    known |= {naming.WHOLE_PLAN_TABLE, naming.MANIFEST}
    for name in sorted(path.name for path in output.iterdir()):
        if name in known:
            continue
        if name.rpartition(".")[2] in naming.SUFFIXES:
            yield name, "a file that the manifest does not know"
        elif "manifest" in name.lower() and not name.startswith("."):
            yield name, "a second manifest"


def set_aside(output: Path) -> list[str]:
    """Move such files to a folder of their own; what a run is about to replace stays.

    Returns:
        Their names.

    Raises:
        ShardFault: the plan or a record is damaged.
        EnvironmentFault: the folder cannot be written.
    """
    moved = []
    with folder_lock(output / naming.RECORDS):  # under it no shard is half published
        head = plan.read_plan(output)
        done = manifest.build(output, head).shards
        waiting = {shard.name for shard in head.shards} - {record.name for record in done}
        for name, _ in list(find(output, done)):
            if name.rpartition(".")[0] not in waiting:
                make_folder(output / naming.SET_ASIDE)
                with disk_errors(output / name):
                    os.replace(output / name, output / naming.SET_ASIDE / name)
                moved.append(name)
        if moved:
            fsync_folder(output)
    return moved
