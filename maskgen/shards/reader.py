"""Reading single samples of a shard through its table, without unpacking the tar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ShardFault
from . import table
from .record import Record


@dataclass(frozen=True, slots=True)
class SampleBytes:
    """The members of one sample by extension."""

    key: str
    members: dict[str, bytes]


def check_size(output: Path, record: Record) -> None:
    """Make sure that the files of a shard are there and as long as recorded.

    Raises:
        ShardFault: one is missing, longer or shorter.
    """
    for suffix, fact in record.files.items():
        path = output / f"{record.name}.{suffix}"
        found = path.stat().st_size if path.is_file() else -1
        if found != fact.bytes:
            raise ShardFault(
                "a file of a shard is missing"
                if found < 0
                else f"a file has {found} bytes, {fact.bytes} recorded",
                where=path.name,
                cause="an incomplete copy, or damage",
                remedy="copy it again, or maskgen verify --repair and maskgen run",
            )


def read_samples(
    output: Path, record: Record, wanted: tuple[str, ...], keys: set[str] | None = None
) -> Iterator[SampleBytes]:
    """Yield samples of a shard in order, with the wanted members only.

    Args:
        output: the data set's folder.
        record: the shard.
        wanted: extensions to read.
        keys: read these samples only; None for all.

    Raises:
        ShardFault: a file is missing or has another size, or a read comes back short.
    """
    check_size(output, record)
    if "tar" not in record.files:
        return
    places = [table.column(ext, part) for ext in wanted for part in ("offset", "size")]
    rows = table.read(output / f"{record.name}.parquet", ["key", "status", *places]).to_pylist()
    with (output / f"{record.name}.tar").open("rb") as file:
        for row in rows:
            if row["status"] == "ok" and (keys is None or row["key"] in keys):
                parts = {}
                for ext in wanted:
                    offset, size = row[table.column(ext, "offset")], row[table.column(ext, "size")]
                    parts[ext] = _read(file.fileno(), offset, size, f"{record.name}.tar {row['key']}.{ext}")
                yield SampleBytes(row["key"], parts)


def _read(descriptor: int, offset: int | None, size: int | None, where: str) -> bytes:
    if offset is None or size is None:
        raise ShardFault(
            "the table knows no such member", where=where, remedy="maskgen info lists the members"
        )
    data = os.pread(descriptor, size, offset)
    if len(data) != size:
        raise ShardFault(
            "a member is cut short", where=where, cause="truncation", remedy="maskgen verify --full"
        )
    return data
