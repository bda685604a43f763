"""One shard of an open data set: where its members lie, checked against tar, index and table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskgen.errors import ShardFault
from maskgen.io.atomic import file_sha256
from maskgen.shards import coverage, naming, table, tar
from maskgen.shards.index import VERSION as INDEX_VERSION
from maskgen.shards.meta import META
from maskgen.shards.reader import check_size
from maskgen.shards.record import Record

COPY_AGAIN = "copy the data set again, or where it was made: maskgen verify --repair, then maskgen run"
FIXED_BYTES = {
    naming.SAT: 2 * (coverage.GRID + 1) ** 2,
    naming.FG: coverage.FG_SIDE**2,
    naming.META: META.itemsize,
}
_MAX_MEMBER = 2**32 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """A shard of an open data set: 8 bytes, its key and 4 bytes per member for each sample.

    Args:
        name: its stem.
        first: number of its first sample in the data set.
        members: extensions of every sample, in tar order.
        bytes: size of the tar.
        sha256: of the tar.
        keys: (N,) ASCII bytes, in tar order.
        starts: (N,) int64, where each sample's first header begins in the tar, bytes.
        lengths: (N, M) uint32, length of each member's content, bytes.
    """

    name: str
    first: int
    members: tuple[str, ...]
    bytes: int
    sha256: str
    keys: NDArray[np.bytes_]
    starts: NDArray[np.int64]
    lengths: NDArray[np.uint32]

    @property
    def tar_name(self) -> str:
        """File name of the tar."""
        return f"{self.name}.tar"

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(N, M) int64, where each member's content begins in the tar, bytes."""
        return content_offsets(self.starts, self.lengths)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(N, M) int64, its length, bytes."""
        return self.lengths.astype(np.int64)

    def place(self, row: int, column: int) -> tuple[int, int]:
        """Where the content of one member begins in the tar, and its length, bytes."""
        lengths = self.lengths[row].tolist()
        before = sum(tar.BLOCK + size + -size % tar.BLOCK for size in lengths[:column])
        return int(self.starts[row]) + before + tar.BLOCK, lengths[column]


def content_offsets(starts: NDArray[np.int64], lengths: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Where the members of samples begin whose members follow one another.

    Args:
        starts: (N,) int64, where each sample's first header begins, bytes.
        lengths: (N, M) uint32, lengths of the contents, bytes.

    Returns:
        (N, M) int64, offsets of the contents, bytes.
    """
    steps = _with_header(lengths.astype(np.int64))
    return starts[:, None] + np.cumsum(steps, axis=1) - steps + tar.BLOCK


def _with_header(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return tar.BLOCK + sizes + -sizes % tar.BLOCK


_BLANK = tar.header("x", 0)
_BLANK_SUM = sum(_BLANK[100:124]) + sum(_BLANK[136:148]) + 8 * 0x20 + sum(_BLANK[156:])


def header(name: bytes, size: int) -> bytes:
    """The 512 bytes of `tar.header` for a name that is known to fit, made five times as fast."""
    octal = b"%011o\0" % size
    checksum = b"%06o\0 " % (_BLANK_SUM + sum(name) + sum(octal))
    return b"".join((name.ljust(100, b"\0"), _BLANK[100:124], octal, _BLANK[136:148], checksum, _BLANK[156:]))


def read_member(descriptor: int, shard: Shard, row: int, column: int, ext: str) -> bytes:
    """Content of one member through an open tar; `column` is the place of `ext` among the members.

    Raises:
        ShardFault: another member lies there, or the tar ends before it does.
    """
    start, size = shard.place(row, column)
    data = os.pread(descriptor, tar.BLOCK + size, start - tar.BLOCK)
    _check_header(data, shard, row, column, ext)
    if len(data) != tar.BLOCK + size:
        raise ShardFault("a member is cut short", where=shard.tar_name, cause="truncation", remedy=COPY_AGAIN)
    return data[tar.BLOCK :]


def _check_header(data: bytes, shard: Shard, row: int, column: int, ext: str) -> None:
    """Compare the 512 bytes before a member's content with what they must be."""
    start, size = shard.place(row, column)
    name = f"{shard.keys[row].decode()}.{ext}"
    if data[: tar.BLOCK] != header(name.encode(), size):
        raise ShardFault(
            "a tar does not hold the member that its table names",
            where=f"{shard.tar_name} {name} at byte {start}",
            cause="swapped files, a tar of another run, or damage",
            remedy=COPY_AGAIN,
        )


def open_shard(
    path: Path, record: Record, members: tuple[str, ...], first: int, *, remote: bool = False
) -> Shard:
    """Check one shard, all but the contents of its tar, and take its places from the table.

    Args:
        path: the folder of its files.
        record: what the manifest says of the shard.
        members: extensions of every sample, in tar order.
        first: number of its first sample in the data set.
        remote: the tar is not here; it is checked as a whole when it is fetched.

    Raises:
        ShardFault: a file is missing, of another size or damaged, or two of them do not fit each other.
    """
    if not remote:
        check_size(path, record)
    for suffix in sorted(record.files.keys() - {"tar"}):
        check_hash(path / f"{record.name}.{suffix}", record.files[suffix].sha256)
    rows, offsets, sizes = _places(path, record, members)
    keys = np.array(rows["key"].to_pylist(), dtype=np.bytes_)
    fact = record.files.get("tar")
    if fact is None:
        none = np.zeros((0, len(members)), np.uint32)
        return Shard(record.name, first, members, 0, "", keys, np.zeros(0, np.int64), none)
    _check_layout(record, offsets, sizes, members)
    _check_index(path, record, rows["key"], members, (offsets, sizes))
    starts, lengths = offsets[:, 0] - tar.BLOCK, sizes.astype(np.uint32)
    shard = Shard(record.name, first, members, fact.bytes, fact.sha256, keys, starts, lengths)
    if not remote:
        _check_headers(path, shard)
    return shard


def _places(
    path: Path, record: Record, members: tuple[str, ...]
) -> tuple[pa.Table, NDArray[np.int64], NDArray[np.int64]]:
    """The rows of the finished samples, and the (N, M) offsets and sizes of their members."""
    names = [table.column(ext, part) for part in ("offset", "size") for ext in members]
    rows = table.read(path / f"{record.name}.parquet", ["key", "status", *names])
    good = rows.filter(pc.equal(rows["status"], "ok"))
    if (good.num_rows, rows.num_rows) != (record.samples, record.samples + record.failed):
        raise _contradiction(record, "the table counts other samples than the manifest")
    rule = naming.KEY.pattern.replace(r"\Z", r"\z")
    if not pc.all(pc.match_substring_regex(good["key"], rf"\A{rule}")).as_py() and good.num_rows:
        raise _contradiction(record, "a key in the table breaks the key rule")
    values = [np.asarray(good[name].fill_null(-1).to_numpy(), np.int64) for name in names]
    columns = np.stack(values, axis=1)
    return good, columns[:, : len(members)], columns[:, len(members) :]


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
    record: Record, offsets: NDArray[np.int64], sizes: NDArray[np.int64], members: Sequence[str]
) -> None:
    """The members must follow one another from the tar's first block to its end, and have their fixed sizes."""
    steps = _with_header(sizes.ravel())
    ends = np.cumsum(steps)
    if (
        (sizes < 0).any()
        or (sizes > _MAX_MEMBER).any()
        or (offsets.ravel() != ends - steps + tar.BLOCK).any()
        or ends[-1] + len(tar.END) != record.files["tar"].bytes
    ):
        raise _contradiction(record, "the table's members do not fill the tar")
    for ext, fixed in FIXED_BYTES.items():
        if (sizes[:, members.index(ext)] != fixed).any():
            raise _contradiction(record, f"a {ext} member has not {fixed} bytes")


def _check_index(
    path: Path,
    record: Record,
    keys: pa.ChunkedArray,
    members: Sequence[str],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """The index must be the one that the table gives, word for word."""
    columns = []
    for column, ext in enumerate(members):
        numbers = [pa.array(part[:, column]).cast(pa.string()) for part in places]
        name = pc.binary_join_element_wise(keys, ext, ".")
        columns.append(pc.binary_join_element_wise(pa.scalar(ext), *numbers, name, " "))
    lines = pc.binary_join_element_wise(*columns, " ").to_pylist()
    expected = "\n".join([f"{INDEX_VERSION} {record.samples}", *lines, ""]).encode()
    if (path / f"{record.name}.idx").read_bytes() != expected:
        raise _contradiction(record, "the index does not fit the table")


def _check_headers(path: Path, shard: Shard) -> None:
    """First, middle and last sample: the tar must name the members where the table does, and end in zeros."""
    file = path / shard.tar_name
    with file.open("rb") as stream:
        for row in {0, len(shard.keys) // 2, len(shard.keys) - 1}:
            for column, ext in enumerate(shard.members):
                start = shard.place(row, column)[0] - tar.BLOCK
                _check_header(os.pread(stream.fileno(), tar.BLOCK, start), shard, row, column, ext)
        stream.seek(-len(tar.END), os.SEEK_END)
        if stream.read() != tar.END:
            raise ShardFault(
                "the tar does not end with its two zero blocks", where=file.name, remedy=COPY_AGAIN
            )
