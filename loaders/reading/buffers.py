"""The rows of a batch.

Where they lie, the buffers they are read into, and whether their values are possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.io.images.stored import decode_lean_mask
from maskgen.shards import coverage, naming, tar
from maskgen.shards.meta import META, UNKNOWN, Meta

from ..dataset.dataset import Dataset
from ..dataset.shard import content_offsets, fixed_bytes, padded_bytes
from .bounds import Bounds

_ALIGN = 64


def small_members(version: int) -> tuple[str, ...]:
    """The members, the last of each sample and side by side, that hold what `Small` has."""
    return naming.LEAN if version == naming.LEAN_FORMAT else (naming.SAT, naming.FG, naming.META)


class Small(NamedTuple):
    """What the draws need of B samples.

    Args:
        sat: (B, 33, 33) uint16 summed-area tables, see `coverage.summed_area_table`.
        fg: (B, 128, 128) uint8 soft masks squeezed to squares.
        meta: (B,) of `shards.meta.META`; the confidence of samples of formats 2 and 3 is `UNKNOWN`.
    """

    sat: NDArray[np.uint16]
    fg: NDArray[np.uint8]
    meta: Meta


class Taken(NamedTuple):
    """A batch as it was read.

    Args:
        samples: (B,) int64, the samples that were read: those asked for, or their substitutes.
        small: see `Small`.
        encoded: by extension, B arrays of uint8: the members' contents.
        keys: of the samples, as their tars name them.
    """

    samples: NDArray[np.int64]
    small: Small
    encoded: dict[str, list[NDArray[np.uint8]]]
    keys: list[str]


class Row(NamedTuple):
    """Where one row of a batch is read from."""

    number: int
    sample: int
    shard: int
    hash: int
    offsets: list[int]
    lengths: list[int]
    checksums: list[int | None]


class Buffers:
    """The buffers of a batch.

    Args:
        samples: (B,) int64, to be read.
        members: extensions wanted beside the small ones.
        version: of the shard format.
    """

    def __init__(self, samples: NDArray[np.int64], members: Sequence[str], version: int) -> None:
        count, side = len(samples), coverage.GRID + 1
        self.samples = samples
        self.members = tuple(members)
        self.sat = np.empty((count, side, side), "<u2")
        self.fg = np.empty((count, coverage.FG_SIDE, coverage.FG_SIDE), np.uint8)
        self.meta = np.empty(count, META)
        self.meta["confidence_ppm"] = UNKNOWN  # read over, where KEY.meta reaches so far
        nothing = np.zeros(0, np.uint8)
        self.encoded = {ext: [nothing] * count for ext in members}
        self.keys = [b""] * count
        self.small_members = small_members(version)
        self._tables = np.empty((count, side - 1, side - 1), "<u2")  # of lean samples
        lean, fixed = version == naming.LEAN_FORMAT, fixed_bytes(version)
        self.sat[:] = 0
        arrays = {naming.SAT: self._tables if lean else self.sat, naming.FG: self.fg, naming.META: self.meta}
        self._parts = {ext: _bytes_of(arrays[ext])[:, :size] for ext, size in fixed.items()}

    @property
    def taken(self) -> Taken:
        """What was read."""
        small = Small(self.sat.astype(np.uint16, copy=False), self.fg, self.meta)
        return Taken(self.samples, small, self.encoded, [key.decode() for key in self.keys])

    def small(self, row: Row) -> list[tuple[bytearray, NDArray[np.uint8], bytearray]]:
        """What one read fills: header, content and padding of each of `small_members`."""
        members = zip(self.small_members, row.lengths[-len(self.small_members) :], strict=True)
        parts = [
            self._parts[ext][row.number] if ext in self._parts else np.empty(size, np.uint8)
            for ext, size in members
        ]
        return [(bytearray(tar.BLOCK), part, bytearray(-len(part) % tar.BLOCK)) for part in parts]

    def unpack(self, row: Row, mask: NDArray[np.uint8]) -> None:
        """Fill in what the small members of a lean sample stand for, now that they have been read.

        Args:
            row: of the sample.
            mask: (n,) uint8, content of its mask.

        Raises:
            ImageFault: the mask cannot be decoded, or has another size.
        """
        self.fg[row.number] = decode_lean_mask(mask, coverage.FG_SIDE)
        self.sat[row.number, 1:, 1:] = self._tables[row.number]

    def slots(self, rows: list[Row], column: int) -> dict[int, NDArray[np.uint8]]:
        """Room for a member of each row, header and whole blocks, (n,) uint8 by row, in one allocation.

        This takes half the time of many small ones.
        """
        needed = padded_bytes(np.array([row.lengths[column] for row in rows], np.int64)).tolist()
        ends = np.cumsum([size + -size % _ALIGN for size in needed]).tolist()
        arena = np.empty(ends[-1] if ends else 0, np.uint8)
        starts = [0, *ends][: len(rows)]
        return {row.number: arena[a : a + n] for row, a, n in zip(rows, starts, needed, strict=True)}

    def locate(self, dataset: Dataset, rows: NDArray[np.int64]) -> list[Row]:
        """Where some rows, (n,) places in the batch, lie."""
        samples = self.samples[rows]
        return _rows(dataset, rows, samples, (*self.small_members, *self.members))


def _rows(
    dataset: Dataset, numbers: NDArray[np.int64], samples: NDArray[np.int64], members: Sequence[str]
) -> list[Row]:
    shards = dataset.shard_numbers(samples)
    stored = [naming.stored_ext(ext, dataset.members) for ext in members]
    hashes, starts, lengths, checksums = dataset.places(samples, stored)
    sums: list[list[int | None]] = [[None] * len(dataset.members)] * len(samples)
    if checksums is not None:
        sums = checksums.tolist()
    offsets = content_offsets(starts, lengths)
    columns = (numbers, samples, shards, hashes, offsets, lengths)
    return [Row(*values) for values in zip(*(column.tolist() for column in columns), sums, strict=True)]


def _bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """(B, n) uint8, a view of the n bytes of each of an array's B rows."""
    return array.view(np.uint8).reshape(len(array), array.nbytes // max(1, len(array)))


def locate_row(dataset: Dataset, sample: int) -> Row:
    """Where one sample lies.

    Raises:
        IndexError: no such sample.
    """
    return _rows(dataset, np.zeros(1, np.int64), np.array([sample]), dataset.members)[0]


def plausible(batch: Buffers, rows: NDArray[np.int64], bounds: Bounds) -> NDArray[np.bool_]:
    """(n,) bool: whether the small members of each of the (n,) rows could have been written by us.

    In format 2 a flipped bit often shows here.

    Rounding may lower a summed-area table by one, damage by more.
    """
    sat = batch.sat[rows].astype(np.int32)
    rising = (np.diff(sat, axis=1) >= -1).all(axis=(1, 2)) & (np.diff(sat, axis=2) >= -1).all(axis=(1, 2))
    framed = ~sat[:, 0].any(axis=1) & ~sat[:, :, 0].any(axis=1)
    whole = np.isin(sat[:, -1, -1], (0, coverage.SAT_SCALE))
    meta = batch.meta[rows]
    agreed = (sat[:, -1, -1] > 0) == meta["fg_box"].any(axis=1)
    return np.asarray(rising & framed & whole & agreed & bounds.hold(meta))
