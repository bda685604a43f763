"""Files that lie in a data set's folder and do not belong to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..io.atomic import disk_errors, folder_lock, fsync_folder, make_folder
from . import manifest, naming, plan
from .record import Record


def find(output: Path, shards: Iterable[Record]) -> Iterator[tuple[Path, str]]:
    """Files that a reader could take for a part of the data set, each with a sentence.

    Args:
        output: the data set's folder.
        shards: the shards that belong to it.
    """
    known = {f"{record.name}.{suffix}" for record in shards for suffix in record.files}
    known |= {naming.PLAN_TABLE, naming.MANIFEST}
    for path in sorted(output.iterdir()):
        if path.name in known:
            continue
        if path.suffix.removeprefix(".") in naming.SUFFIXES:
            yield path, "a file that the manifest does not know"
        elif "manifest" in path.name.lower() and not path.name.startswith("."):
            yield path, "a second manifest"


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
        for path, _ in list(find(output, done)):
            if path.stem not in waiting:
                make_folder(output / naming.SET_ASIDE)
                with disk_errors(path):
                    os.replace(path, output / naming.SET_ASIDE / path.name)
                moved.append(path.name)
        if moved:
            fsync_folder(output)
    return moved
