"""What a withdrawn shard knew of its photos, kept until it is made again: a photo that has changed is told.

The plan knows names and sizes only, so another photo of the same size fits it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ShardFault
from ..io.atomic import file_sha256
from ..io.storage.location import Place
from . import table
from .naming import RECORDS
from .record import parse, record_path

_COLUMNS = ("key", "path", "source_sha256")


def kept_table(output: Place, name: str) -> Place:
    """Where the table of a withdrawn shard is kept, beside the commit records."""
    return output / RECORDS / f"{name}.withdrawn"


def holds_its_table(output: Path, name: str) -> bool:
    """Whether the table of a shard is there and is the one recorded: another one proves nothing."""
    path = record_path(output, name)
    try:
        fact = parse(path.read_bytes(), path.name).files["parquet"]
        return file_sha256(output / f"{name}.parquet") == fact.sha256
    except (ShardFault, OSError, KeyError):
        return False


def keep_table(output: Path, name: str) -> None:
    """Move the table of a shard that is being withdrawn to where `changed_photos` looks for it."""
    os.replace(output / f"{name}.parquet", kept_table(output, name))


def changed_photos(output: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Photos whose bytes are not those of when the shard was made before.

    Args:
        output: the data set's folder.
        name: the shard's stem.
        rows: of its new table.

    Returns:
        Their paths; none when the shard was not withdrawn with a sound table.
    """
    try:
        before = table.read(kept_table(output, name), _COLUMNS).to_pylist()
    except ShardFault:
        return ()
    known = {(row["key"], row["path"]): row["source_sha256"] for row in before}
    pairs = ((row["path"], row["source_sha256"], known.get((row["key"], row["path"]))) for row in rows)
    return tuple(path for path, now, then in pairs if now and then and now != then)


def forget_table(output: Path, name: str) -> None:
    """Remove what was kept: the shard is there again."""
    kept_table(output, name).unlink(missing_ok=True)
