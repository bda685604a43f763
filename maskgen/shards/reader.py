"""Reading single samples of a shard through its table, without unpacking the tar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ShardFault
from ..io.checksum import crc32c
from ..io.storage.location import Location
from ..io.storage.reading import ByteFile, open_bytes
from . import table
from .record import Record
from .sealed_json import MEND

OTHER_CRC = "a member has another CRC-32C than its table records"
BIT_ROT = "bit rot, or a file changed since the shard was made"


@dataclass(frozen=True, slots=True)
class SampleBytes:
    """The members of one sample by extension."""

    key: str
    members: dict[str, bytes]


def check_size(output: Location, record: Record, sizes: Mapping[str, int] | None = None) -> None:
    """Make sure that the files of a shard are there and as long as recorded.

    Args:
        output: the data set's folder.
        record: the shard.
        sizes: of the files in the folder, where they are known already.

    Raises:
        ShardFault: one is missing, longer or shorter.
    """
    for suffix, fact in record.files.items():
        path = output / f"{record.name}.{suffix}"
        found = _size(path) if sizes is None else sizes.get(path.name, -1)
        if found != fact.bytes:
            raise ShardFault(
                "a file of a shard is missing"
                if found < 0
                else f"a file has {found} bytes, {fact.bytes} recorded",
                where=path.name,
                cause="an incomplete copy, or damage",
                remedy="copy it again, or maskgen verify --repair and maskgen run",
            )


def _size(path: Location) -> int:
    """Of a file, bytes; -1 when there is none."""
    try:
        return path.stat().st_size if path.is_file() else -1
    except FileNotFoundError:
        return -1


def read_samples(
    output: Location, record: Record, wanted: tuple[str, ...], keys: set[str] | None = None
) -> Iterator[SampleBytes]:
    """Yield samples of a shard in order, with the wanted members only.

    Args:
        output: the data set's folder.
        record: the shard.
        wanted: extensions to read.
        keys: read these samples only; None for all.

    Raises:
        ShardFault: a file is missing or has another size, a read comes back short, or a member is not the one
            of which the table has the CRC-32C.
    """
    check_size(output, record)
    if "tar" not in record.files:
        return
    places = [table.column(ext, part) for ext in wanted for part in ("offset", "size", "crc32c")]
    rows = table.read(output / f"{record.name}.parquet", ["key", "status", *places]).to_pylist()
    with open_bytes(output / f"{record.name}.tar") as file:
        for row in rows:
            if row["status"] == "ok" and (keys is None or row["key"] in keys):
                parts = {ext: _read(file, row, ext, record.name) for ext in wanted}
                yield SampleBytes(row["key"], parts)


def _read(file: ByteFile, row: dict[str, Any], ext: str, shard: str) -> bytes:
    offset, size, checksum = (row.get(table.column(ext, part)) for part in ("offset", "size", "crc32c"))
    where = f"{shard}.tar {row['key']}.{ext}"
    if offset is None or size is None:
        raise ShardFault(
            "the table knows no such member", where=where, remedy="maskgen info lists the members"
        )
    data = file.read_at(offset, size)
    if len(data) != size:
        raise ShardFault(
            "a member is cut short", where=where, cause="truncation", remedy="maskgen verify --full"
        )
    check_crc32c(data, checksum, where)
    return data


def check_crc32c(data: bytes, recorded: int | None, where: str) -> None:
    """Compare a member with the checksum of its table.

    Args:
        data: its content.
        recorded: CRC-32C; None in tables of format 2, which have none.
        where: the tar and the member, for the error.

    Raises:
        ShardFault: they differ.
    """
    if recorded is not None and crc32c(data) != recorded:
        raise ShardFault(OTHER_CRC, where=where, cause=BIT_ROT, remedy=MEND)
