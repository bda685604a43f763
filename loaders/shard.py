"""One shard of an open data set: where its members lie, checked against tar, index and table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskgen.errors import ShardFault
from maskgen.io.atomic import file_sha256
from maskgen.shards import coverage, naming, table, tar
from maskgen.shards.index import VERSION as INDEX_VERSION
from maskgen.shards.reader import check_size
from maskgen.shards.record import Record

COPY_AGAIN = "copy the data set again, or where it was made: maskgen verify --repair, then maskgen run"
FIXED_BYTES = {
    naming.SAT: 2 * (coverage.GRID + 1) ** 2,
    naming.FG: coverage.FG_SIDE**2,
    naming.META: 4 * len(coverage.META_FIELDS),
}


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """A shard of an open data set.

    Args:
        name: its stem.
        first: number of its first sample in the data set.
        keys: (N,) ASCII bytes, in tar order.
        offsets: (N, M) int64, where each member's content begins in the tar, bytes; columns as in the manifest.
        sizes: (N, M) int64, its length, bytes.
    """

    name: str
    first: int
    keys: NDArray[np.bytes_]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]


def read_member(descriptor: int, shard: Shard, row: int, column: int, ext: str) -> bytes:
    """Content of one member through an open tar; `column` is the place of `ext` among the members.

    Raises:
        ShardFault: another member lies there, or the tar ends before it does.
    """
    start, size = int(shard.offsets[row, column]) - tar.BLOCK, int(shard.sizes[row, column])
    data = os.pread(descriptor, tar.BLOCK + size, start)
    _check_header(data, shard, row, column, ext)
    if len(data) != tar.BLOCK + size:
        raise ShardFault(
            "a member is cut short", where=f"{shard.name}.tar", cause="truncation", remedy=COPY_AGAIN
        )
    return data[tar.BLOCK :]


def _check_header(data: bytes, shard: Shard, row: int, column: int, ext: str) -> None:
    """Compare the 512 bytes before a member's content with what they must be."""
    name = f"{shard.keys[row].decode()}.{ext}"
    if data[: tar.BLOCK] != tar.header(name, int(shard.sizes[row, column])):
        raise ShardFault(
            "a tar does not hold the member that its table names",
            where=f"{shard.name}.tar {name} at byte {shard.offsets[row, column]}",
            cause="swapped files, a tar of another run, or damage",
            remedy=COPY_AGAIN,
        )


def open_shard(path: Path, record: Record, members: tuple[str, ...], first: int) -> Shard:
    """Check one shard, all but the contents of its tar, and take its places from the table.

    Args:
        path: the data set's folder.
        record: what the manifest says of the shard.
        members: extensions of every sample, in tar order.
        first: number of its first sample in the data set.

    Raises:
        ShardFault: a file is missing, of another size or damaged, or two of them do not fit each other.
    """
    check_size(path, record)
    for suffix in sorted(record.files.keys() - {"tar"}):
        check_hash(path / f"{record.name}.{suffix}", record.files[suffix].sha256)
    places = [table.column(ext, part) for part in ("offset", "size") for ext in members]
    rows = table.read(path / f"{record.name}.parquet", ["key", "status", *places])
    good = rows.filter(pc.equal(rows["status"], "ok"))
    if (good.num_rows, rows.num_rows) != (record.samples, record.samples + record.failed):
        raise _contradiction(record, "the table counts other samples than the manifest")
    values = [np.asarray(good[place].fill_null(-1).to_numpy(), np.int64) for place in places]
    columns = np.stack(values, axis=1)
    names = good["key"].to_pylist()
    if not all(naming.KEY.match(name) for name in names):
        raise _contradiction(record, "a key in the table breaks the key rule")
    keys = np.array(names, dtype=np.bytes_)
    shard = Shard(record.name, first, keys, columns[:, : len(members)], columns[:, len(members) :])
    if record.samples:
        _check_layout(record, shard, members)
        _check_index(path, record, shard, members)
        _check_headers(path, shard, members)
    return shard


def check_hash(path: Path, recorded: str) -> None:
    """Compare a file's SHA-256 with the recorded one.

    Raises:
        ShardFault: they differ.
    """
    if file_sha256(path) != recorded:
        raise ShardFault(
            "a file has another SHA-256 than the manifest records",
            where=path.name,
            cause="damage, or a file of another run",
            remedy=COPY_AGAIN,
        )


def _contradiction(record: Record, what: str) -> ShardFault:
    return ShardFault(what, where=record.name, cause="a stale file or damage", remedy=COPY_AGAIN)


def _check_layout(record: Record, shard: Shard, members: Sequence[str]) -> None:
    """The members must follow one another from the tar's first block to its end, and have their fixed sizes."""
    sizes = shard.sizes.ravel()
    steps = tar.BLOCK + sizes + -sizes % tar.BLOCK
    ends = np.cumsum(steps)
    if (
        (sizes < 0).any()
        or (shard.offsets.ravel() != ends - steps + tar.BLOCK).any()
        or ends[-1] + len(tar.END) != record.files["tar"].bytes
    ):
        raise _contradiction(record, "the table's members do not fill the tar")
    for ext, fixed in FIXED_BYTES.items():
        if (shard.sizes[:, members.index(ext)] != fixed).any():
            raise _contradiction(record, f"a {ext} member has not {fixed} bytes")


def _check_index(path: Path, record: Record, shard: Shard, members: Sequence[str]) -> None:
    """The index must be the one that the table gives, word for word."""
    lines = [f"{INDEX_VERSION} {record.samples}", *_index_lines(shard, members), ""]
    if (path / f"{record.name}.idx").read_bytes() != "\n".join(lines).encode():
        raise _contradiction(record, "the index does not fit the table")


def _index_lines(shard: Shard, members: Sequence[str]) -> Iterator[str]:
    rows = zip(shard.keys.tolist(), shard.offsets.tolist(), shard.sizes.tolist(), strict=True)
    for raw, offsets, sizes in rows:
        key = raw.decode()
        parts = zip(members, offsets, sizes, strict=True)
        yield " ".join(f"{ext} {offset} {size} {key}.{ext}" for ext, offset, size in parts)


def _check_headers(path: Path, shard: Shard, members: Sequence[str]) -> None:
    """First, middle and last sample: the tar must name the members where the table does, and end in zeros."""
    file = path / f"{shard.name}.tar"
    with file.open("rb") as stream:
        for row in {0, len(shard.keys) // 2, len(shard.keys) - 1}:
            for column, ext in enumerate(members):
                start = int(shard.offsets[row, column]) - tar.BLOCK
                _check_header(os.pread(stream.fileno(), tar.BLOCK, start), shard, row, column, ext)
        stream.seek(-len(tar.END), os.SEEK_END)
        if stream.read() != tar.END:
            raise ShardFault(
                "the tar does not end with its two zero blocks", where=file.name, remedy=COPY_AGAIN
            )
