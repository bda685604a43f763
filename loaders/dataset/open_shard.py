"""Opening one shard: its table gives the places of all members, checked against manifest, index and tar."""

# The functions of pyarrow.compute are made when it is imported.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskgen.errors import ShardFault
from maskgen.io.arrow import integers_of, scalar_of, to_integers
from maskgen.io.atomic import file_sha256
from maskgen.io.regular import open_regular
from maskgen.shards import coverage, naming, table, tar
from maskgen.shards.index import VERSION as INDEX_VERSION
from maskgen.shards.reader import check_size
from maskgen.shards.record import Record

from .shard import COPY_AGAIN, Shard, check_header, fixed_bytes, padded_bytes

_MAX_MEMBER = 2**32 - 1
_MAX_LEAN_MASK = 2 * coverage.FG_SIDE**2
"""Bytes: twice its pixels, while a PNG is at most a little larger than they are."""


def open_shard(
    path: Path, record: Record, members: tuple[str, ...], first: int, version: int, *, remote: bool = False
) -> Shard:
    """Check one shard, all but the contents of its tar, and take its places from the table.

    Args:
        path: the folder of its files.
        record: what the manifest says of the shard.
        members: extensions of every sample, in tar order.
        first: number of its first sample in the data set.
        version: of the shard format, from the manifest.
        remote: the tar is not here; it is checked as a whole when it is fetched.

    Raises:
        ShardFault: a file is missing, of another size or damaged, or two of them do not fit each other.
    """
    if not remote:
        check_size(path, record)
    for suffix in sorted(record.files.keys() - {"tar"}):
        check_hash(path / f"{record.name}.{suffix}", record.files[suffix].sha256)
    rows, offsets, sizes, checksums = _places(path, record, members)
    keys = np.array(rows["key"].to_pylist(), dtype=np.bytes_)
    fact = record.files.get("tar")
    if fact is None:
        none = np.zeros((0, len(members)), np.uint32)
        return Shard(record.name, first, members, 0, "", keys, np.zeros(0, np.int64), none)
    _check_layout(record, offsets, sizes, members, version)
    _check_index(path, record, rows["key"], members, (offsets, sizes))
    starts, lengths = offsets[:, 0] - tar.BLOCK, sizes.astype(np.uint32)
    shard = Shard(record.name, first, members, fact.bytes, fact.sha256, keys, starts, lengths, checksums)
    if not remote:
        _check_headers(path, shard)
    return shard


def _places(
    path: Path, record: Record, members: tuple[str, ...]
) -> tuple[pa.Table, NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32] | None]:
    """The rows of the finished samples, and the (N, M) offsets, sizes and checksums of their members."""
    names = [table.column(ext, part) for part in ("offset", "size", "crc32c") for ext in members]
    rows = table.read(path / f"{record.name}.parquet", ["key", "status", *names])
    good = rows.filter(pc.equal(rows["status"], _text("ok")))
    if (good.num_rows, rows.num_rows) != (record.samples, record.samples + record.failed):
        raise _contradiction(record, "the table counts other samples than the manifest")
    rule = naming.KEY.pattern.replace(r"\Z", r"\z")
    if not pc.all(pc.match_substring_regex(good["key"], rf"\A{rule}")).as_py() and good.num_rows:
        raise _contradiction(record, "a key in the table breaks the key rule")
    known = [name for name in names if name in good.column_names]  # format 2 has no checksums
    values = [to_integers(good[name], -1) for name in known]
    count = len(members)
    offsets, sizes, checksums = np.split(np.stack(values, axis=1), [count, 2 * count], axis=1)
    if (checksums < 0).any():
        raise _contradiction(record, "the table lacks the checksum of a member")
    return good, offsets, sizes, checksums.astype(np.uint32) if checksums.size else None


@lru_cache(maxsize=16)
def read_keys(path: Path, name: str, sha256: str) -> NDArray[np.bytes_]:
    """The (N,) keys of a shard's samples, ASCII, from its table; those of the last few shards are remembered.

    Args:
        path: the folder of its files.
        name: of the shard.
        sha256: of the table.

    Raises:
        ShardFault: the table is damaged.
    """
    file = path / f"{name}.parquet"
    check_hash(file, sha256)
    rows = table.read(file, ["key", "status"])
    good = rows.filter(pc.equal(rows["status"], _text("ok")))
    keys = np.array(good["key"].to_pylist(), dtype=np.bytes_)
    keys.flags.writeable = False
    return keys


def _text(value: str) -> pa.Scalar:
    return scalar_of(value, pa.string())


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


def _check_layout(
    record: Record,
    offsets: NDArray[np.int64],
    sizes: NDArray[np.int64],
    members: Sequence[str],
    version: int,
) -> None:
    """The members must follow one another from the tar's first block to its end.

    Some have a size of their own in each `version` of the format, and a lean mask is small.
    """
    steps = padded_bytes(sizes.ravel())
    ends = np.cumsum(steps)
    if (
        (sizes < 0).any()
        or (sizes > _MAX_MEMBER).any()
        or (offsets.ravel() != ends - steps + tar.BLOCK).any()
        or ends[-1] + len(tar.END) != record.files["tar"].bytes
    ):
        raise _contradiction(record, "the table's members do not fill the tar")
    for ext, size in fixed_bytes(version).items():
        if (sizes[:, members.index(ext)] != size).any():
            raise _contradiction(record, f"a {ext} member has not {size} bytes")
    if version == naming.LEAN_FORMAT and (sizes[:, members.index(naming.MASK)] > _MAX_LEAN_MASK).any():
        raise _contradiction(record, f"a {naming.MASK} member has more than {_MAX_LEAN_MASK} bytes")


def _check_index(
    path: Path,
    record: Record,
    keys: pa.ChunkedArray,
    members: Sequence[str],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """The index must be the one that the table gives, word for word."""
    columns, space = [], _text(" ")
    for column, ext in enumerate(members):
        numbers = [integers_of(part[:, column]).cast(pa.string()) for part in places]
        name = pc.binary_join_element_wise(keys, _text(ext), _text("."))
        columns.append(pc.binary_join_element_wise(_text(ext), *numbers, name, space))
    lines = pc.binary_join_element_wise(*columns, space).to_pylist()
    expected = "\n".join([f"{INDEX_VERSION} {record.samples}", *lines, ""]).encode()
    if (path / f"{record.name}.idx").read_bytes() != expected:
        raise _contradiction(record, "the index does not fit the table")


def _check_headers(path: Path, shard: Shard) -> None:
    """First, middle and last sample: the tar must name the members where the table does, and end in zeros."""
    file = path / shard.tar_name
    with os.fdopen(open_regular(file), "rb") as stream:
        for row in {0, len(shard.keys) // 2, len(shard.keys) - 1}:
            for column, ext in enumerate(shard.members):
                start = shard.place(row, column)[0] - tar.BLOCK
                check_header(os.pread(stream.fileno(), tar.BLOCK, start), shard, row, column, ext)
        stream.seek(-len(tar.END), os.SEEK_END)
        if stream.read() != tar.END:
            raise ShardFault(
                "the tar does not end with its two zero blocks", where=file.name, remedy=COPY_AGAIN
            )
