"""One shard of an open data set: where its members lie, and how one of them is read."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ShardFault
from maskgen.io.checksum import crc32c
from maskgen.shards import coverage, naming, tar
from maskgen.shards.meta import meta_bytes
from maskgen.shards.reader import BIT_ROT, OTHER_CRC

COPY_AGAIN = "copy the data set again, or where it was made: maskgen verify --repair, then maskgen run"


def fixed_bytes(version: int) -> dict[str, int]:
    """By extension, the length of each member that has one length only in a version of the format.

    Example:
        >>> fixed_bytes(4), fixed_bytes(5)
        ({'sat': 2178, 'fg': 16384, 'meta': 72}, {'sat': 2048, 'meta': 72})
    """
    if version == naming.LEAN_FORMAT:
        return {naming.SAT: 2 * coverage.GRID**2, naming.META: meta_bytes(version)}
    return {
        naming.SAT: 2 * (coverage.GRID + 1) ** 2,
        naming.FG: coverage.FG_SIDE**2,
        naming.META: meta_bytes(version),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """A shard of an open data set, or some of its samples.

    Args:
        name: its stem.
        first: number of its first sample in the data set.
        members: extensions of every sample, in tar order.
        bytes: size of the tar.
        sha256: of the tar.
        keys: (N,) ASCII bytes, in tar order.
        starts: (N,) int64, where each sample's first header begins in the tar, bytes.
        lengths: (N, M) uint32, length of each member's content, bytes.
        checksums: (N, M) uint32, CRC-32C of each member's content; None of format 2, which has none.
    """

    name: str
    first: int
    members: tuple[str, ...]
    bytes: int
    sha256: str
    keys: NDArray[np.bytes_]
    starts: NDArray[np.int64]
    lengths: NDArray[np.uint32]
    checksums: NDArray[np.uint32] | None = None

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
    steps = padded_bytes(lengths.astype(np.int64))
    return starts[:, None] + np.cumsum(steps, axis=1) - steps + tar.BLOCK


def padded_bytes(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """What members with contents of `sizes` bytes take in a tar, with header and padding.

    The result is int64 of the same shape.
    """
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
        ShardFault: another member lies there, the tar ends before it does, or a bit of it has flipped.
    """
    start, size = shard.place(row, column)
    whole = int(padded_bytes(np.array(size)))
    data = os.pread(descriptor, whole, start - tar.BLOCK)
    check_header(data, shard, row, column, ext)
    if len(data) != whole:
        raise ShardFault("a member is cut short", where=shard.tar_name, cause="truncation", remedy=COPY_AGAIN)
    content, padding = data[tar.BLOCK : tar.BLOCK + size], data[tar.BLOCK + size :]
    recorded = None if shard.checksums is None else int(shard.checksums[row, column])
    if what := damage(content, padding, recorded):
        where = f"{shard.tar_name} {shard.keys[row].decode()}.{ext} at byte {start}"
        raise ShardFault(what, where=where, cause=BIT_ROT, remedy=COPY_AGAIN)
    return content


def damage(content: bytes | NDArray[np.uint8], padding: bytes | bytearray, recorded: int | None) -> str:
    """What is wrong with a member as it was read; empty when nothing is.

    Args:
        content: of the member, as bytes or a contiguous array.
        padding: the bytes behind it, which fill its last block and are zero.
        recorded: CRC-32C of the content; None in format 2, which has none.

    Example:
        >>> damage(b"123456789", bytes(503), 0xE3069283)
        ''
    """
    if recorded is not None and crc32c(content) != recorded:
        return OTHER_CRC
    return "" if padding.count(0) == len(padding) else "the bytes behind a member are not zero"


def check_header(data: bytes, shard: Shard, row: int, column: int, ext: str) -> None:
    """Compare the 512 bytes before a member's content with what they must be.

    Raises:
        ShardFault: they differ.
    """
    start, size = shard.place(row, column)
    name = f"{shard.keys[row].decode()}.{ext}"
    if data[: tar.BLOCK] != header(name.encode(), size):
        raise ShardFault(
            "a tar does not hold the member that its table names",
            where=f"{shard.tar_name} {name} at byte {start}",
            cause="swapped files, a tar of another run, or damage",
            remedy=COPY_AGAIN,
        )
