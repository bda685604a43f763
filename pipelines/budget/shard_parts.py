"""The parts of a shard that are no photo's own: the tar, the table, the index, a second look, the commit."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq

from maskgen.shards import index, table, tar
from maskgen.shards.commit import ShardWriter
from maskgen.shards.naming import RECORDS
from maskgen.shards.sample import Encoded

TAR, TABLE, INDEX, VERIFY, COMMIT = "tar", "table", "index", "verify", "commit"
SHARD_LIMITS = {
    TAR: "hashlib, write",
    TABLE: "pyarrow's write_table",
    VERIFY: "read of each header",
    COMMIT: "write, fsync, rename",
}
"""The library calls by part; an index counts at what it costs here."""
_FILES = 4  # of a shard: tar, index, table, record


def time_shard(folder: Path, name: str, samples: Sequence[tuple[Encoded, str]]) -> dict[str, int]:
    """CPU nanoseconds of each part of writing a shard. Its files stay.

    Args:
        folder: with a folder of records in it.
        name: of the shard, new in the folder.
        samples: finished ones, each with the SHA-256 of its source.
    """
    members = tuple(ext for ext, _ in samples[0][0].members)
    with ShardWriter(folder, name, members, "") as writer:
        started = time.process_time_ns()
        for sample, sha256 in samples:
            writer.add(sample, None, sha256)
        found = {TAR: time.process_time_ns() - started}
        started = time.process_time_ns()
        writer.commit()
        whole = time.process_time_ns() - started
    rows = table.read(folder / f"{name}.parquet").to_pylist()
    parsed = index.parse(folder / f"{name}.idx")
    marks = [time.process_time_ns()]
    table.render(rows)
    marks.append(time.process_time_ns())
    index.render(parsed)
    marks.append(time.process_time_ns())
    index.group(tar.read_members(folder / f"{name}.tar"), name)
    marks.append(time.process_time_ns())
    inside = _steps(marks)
    return {**found, **dict(zip((TABLE, INDEX, VERIFY), inside, strict=True)), COMMIT: whole - sum(inside)}


def time_shard_limits(folder: Path, name: str, samples: Sequence[tuple[Encoded, str]]) -> dict[str, int]:
    """CPU nanoseconds of the library calls of `SHARD_LIMITS`, on a shard that `time_shard` has made."""
    contents = [b"".join(data for _, data in sample.members) for sample, _ in samples]
    rows = table.read(folder / f"{name}.parquet")
    places = [
        member.offset - tar.BLOCK for _, members in index.parse(folder / f"{name}.idx") for member in members
    ]
    path = folder / "limit"
    with path.open("wb", buffering=0) as file, (folder / f"{name}.tar").open("rb") as made:
        marks = [time.process_time_ns()]
        for content in contents:
            hashlib.sha256(content).digest()
            file.write(content)
        marks.append(time.process_time_ns())
        pq.write_table(rows, io.BytesIO(), compression="zstd")
        marks.append(time.process_time_ns())
        for place in places:
            os.pread(made.fileno(), tar.BLOCK, place)
        marks.append(time.process_time_ns())
        for number in range(_FILES):
            os.fsync(file.fileno())
            path = path.rename(folder / f"limit-{number}")
        marks.append(time.process_time_ns())
    path.unlink()
    return dict(zip((TAR, TABLE, VERIFY, COMMIT), _steps(marks), strict=True))


def _steps(marks: Sequence[int]) -> list[int]:
    return [end - start for start, end in pairwise(marks)]


def remove_shard(folder: Path, name: str) -> None:
    """Remove a shard's files."""
    for path in [*folder.glob(f"{name}.*"), *(folder / RECORDS).glob(f"{name}.*")]:
        path.unlink()
