"""What lies where in an index: rows of samples, their order by hash, facts of shards, and a sealed end."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.shards import naming, tar

VERSION = 1
CHUNK = 1 << 22
"""Bytes that have a checksum of their own."""
_PAGE = 4096
_RARE = (naming.MASK, naming.JSON, naming.CLASS)
"""Members that no loader reads, but for the mask of lean samples.

Their checksums lie apart, so that a training does not map them.
"""


class Places(NamedTuple):
    """Where B samples lie in their tars.

    Args:
        hashes: (B,) uint64, see `key_hash`.
        starts: (B,) int64, where each sample's first header begins, bytes.
        lengths: (B, M) uint32, length of each member's content, bytes.
        checksums: (B, M) uint32, CRC-32C of each member's content; None of format 2, which has none.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.uint32]
    checksums: NDArray[np.uint32] | None


class TooLargeError(ValueError):
    """A number that does not fit the narrow layout."""


def key_hash(key: bytes) -> int:
    """64 bits of BLAKE2b: what an index holds in the place of a key.

    Example:
        >>> hex(key_hash(b"n01440764_10026"))
        '0x77aabdc67dafb05e'
    """
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Layout:
    """The sections of an index, one behind the other, each from a page's border on.

    A sample's row holds the hash of its key, its place in blocks of 512 bytes, the lengths of those members
    that have not one length only, and the checksums of those that loaders read.

    Args:
        samples: N.
        shards: S, with those that have no samples.
        name_bytes: length of the longest shard's name.
        members: extensions of every sample, in tar order.
        fixed: by extension, the length of members that have one length only.
        checksums: whether members have checksums.
        wide: lengths of 4 bytes and places of 8, not 3 and 4.

    Example:
        >>> layout = Layout(10, 1, 8, ("jpg", "json", "meta"), {"meta": 72}, checksums=True)
        >>> layout.row.itemsize, layout.rest.itemsize, layout.bytes
        (26, 4, 12448)
    """

    samples: int
    shards: int
    name_bytes: int
    members: tuple[str, ...]
    fixed: Mapping[str, int]
    checksums: bool
    wide: bool = False

    @cached_property
    def varying(self) -> list[int]:
        """The places, among the members, of those whose lengths are stored."""
        return [column for column, ext in enumerate(self.members) if ext not in self.fixed]

    @cached_property
    def often(self) -> list[int]:
        """The places of the members whose checksums lie in the rows."""
        return [c for c in range(len(self.members)) if self.checksums and c not in self.rare]

    @cached_property
    def rare(self) -> list[int]:
        """The places of those whose checksums lie apart."""
        lean = naming.FG not in self.members  # then the loaders read the mask
        rare = [ext in _RARE and not (lean and ext == naming.MASK) for ext in self.members]
        return [column for column in range(len(rare)) if self.checksums and rare[column]]

    @cached_property
    def row(self) -> np.dtype[Any]:
        """Of a sample."""
        start, width = ("<u8", 4) if self.wide else ("<u4", 3)
        return np.dtype(
            [
                ("hash", "<u8"),
                ("start", start),
                ("lengths", "u1", (len(self.varying), width)),
                ("checksums", "<u4", (len(self.often),)),
            ]
        )

    @cached_property
    def rest(self) -> np.dtype[Any]:
        """Of a sample's rare members."""
        return np.dtype([("checksums", "<u4", (len(self.rare),))])

    @cached_property
    def number(self) -> np.dtype[Any]:
        """Of a sample's number."""
        return np.dtype("<u4" if self.samples <= 2**32 else "<u8")

    @cached_property
    def shard(self) -> np.dtype[Any]:
        """Of a shard; per file in the order of `naming.SUFFIXES`, with -1 bytes where there is none."""
        files = len(naming.SUFFIXES)
        return np.dtype(
            [
                ("name", f"S{max(1, self.name_bytes)}"),
                ("samples", "<u4"),
                ("failed", "<u4"),
                ("bytes", "<i8", (files,)),
                ("sha256", "u1", (files, 32)),
                ("mtime_ns", "<i8", (files,)),
            ]
        )

    @cached_property
    def sections(self) -> dict[str, tuple[int, int, np.dtype[Any]]]:
        """By name: where a section begins, how many entries it has, and their type."""
        found, place = {}, 0
        for name, count, kind in (
            ("rows", self.samples, self.row),
            ("rest", self.samples if self.rare else 0, self.rest),
            ("order", self.samples, self.number),
            ("shards", self.shards, self.shard),
        ):
            found[name] = (place, count, kind)
            place += count * kind.itemsize
            place += -place % _PAGE
        return found

    @property
    def bytes(self) -> int:
        """All sections together."""
        start, count, kind = self.sections["shards"]
        return start + count * kind.itemsize

    def pack(self, places: Places) -> tuple[NDArray[Any], NDArray[Any]]:
        """The rows, and the rest, of some samples.

        Raises:
            TooLargeError: a number needs the wide layout.
        """
        lengths = np.ascontiguousarray(places.lengths[:, self.varying], "<u4")
        blocks, width = places.starts // tar.BLOCK, self.row["lengths"].shape[-1]
        largest = (
            int(lengths.max(initial=0)) >> 8 * width,
            int(blocks.max(initial=0)) >> 8 * self.row["start"].itemsize,
        )
        if any(largest):
            raise TooLargeError("a member or a tar is too large for the narrow layout of an index")
        rows, rest = np.zeros(len(blocks), self.row), np.zeros(len(blocks) if self.rare else 0, self.rest)
        rows["hash"], rows["start"] = places.hashes, blocks
        rows["lengths"] = lengths.view(np.uint8).reshape(*lengths.shape, 4)[..., :width]
        if places.checksums is not None:
            rows["checksums"] = places.checksums[:, self.often]
            if self.rare:
                rest["checksums"] = places.checksums[:, self.rare]
        return rows, rest

    def unpack(self, rows: NDArray[Any], rest: NDArray[Any] | None) -> Places:
        """What `pack` was given; without `rest` the checksums of rare members are 0."""
        count = len(rows)
        width = self.row["lengths"].shape[-1]
        raw = np.zeros((count, len(self.varying), 4), np.uint8)
        raw[..., :width] = rows["lengths"]
        lengths = np.empty((count, len(self.members)), np.uint32)
        lengths[:] = [self.fixed.get(ext, 0) for ext in self.members]
        lengths[:, self.varying] = raw.view("<u4")[..., 0]
        checksums = None
        if self.checksums:
            checksums = np.zeros((count, len(self.members)), np.uint32)
            checksums[:, self.often] = rows["checksums"]
            if rest is not None and self.rare:
                checksums[:, self.rare] = rest["checksums"]
        starts = rows["start"].astype(np.int64) * tar.BLOCK
        return Places(rows["hash"].astype(np.uint64), starts, lengths, checksums)

    def needs_rest(self, members: Collection[str]) -> bool:
        """Whether the checksum of one of some members lies apart."""
        return any(self.members[column] in members for column in self.rare)
