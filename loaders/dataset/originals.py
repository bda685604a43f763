"""The original photos of a sidecar data set: found once at opening, read by position."""

# The functions of pyarrow.compute are made when it is imported.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskgen.errors import ImageFault, ShardFault
from maskgen.io.arrow import array_of, flags_of, scalar_of, to_integers
from maskgen.io.checksum import crc32c
from maskgen.io.images.header import read_header
from maskgen.io.regular import open_regular
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.io.storage.reading import open_bytes
from maskgen.io.tars import ReadAt, slice_reader
from maskgen.io.zip_member import ContainerFault, inflate
from maskgen.shards import table

from ..storage.open_files import OpenFiles


class Place(NamedTuple):
    """Where a photo lies: file from the folder of the originals, offset and size in bytes.

    Where it is `deflated`, the size is that of what comes out.
    """

    file: str
    offset: int
    size: int
    deflated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """What the tables say of the finished samples of a shard, in order.

    Args:
        keys: (N,) their keys.
        paths: (N,) where the photos lay when the masks were made.
        fit: (N,) bool, whether the original is an upright plain JPEG of the size the mask was made for.
        sizes: (N, 2) int64, height and width that the mask was made for, px.
        sha256: (N,) of the originals.
        checksums: (N,) uint32, CRC-32C of the originals that are fit; None of format 2, which has none.
        shard: its name.
    """

    keys: pa.Array
    paths: pa.Array
    fit: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    sha256: pa.Array
    checksums: NDArray[np.uint32] | None
    shard: str = ""

    def take(self, rows: NDArray[np.bool_]) -> Paths:
        """The rows where `rows`, (N,) bool, is True."""
        keep = flags_of(rows)
        texts = (column.filter(keep) for column in (self.keys, self.paths, self.sha256))
        keys, paths, sha256 = texts
        sums = None if self.checksums is None else self.checksums[rows]
        return Paths(keys, paths, self.fit[rows], self.sizes[rows], sha256, sums, self.shard)


def read_paths(folder: Location, shard: str) -> Paths:
    """What the table of a shard says of its samples' originals.

    Args:
        folder: of the tables.
        shard: its name.
    """
    columns = ["key", "status", "path", "verbatim", "height", "width", "source_sha256", "source_crc32c"]
    rows = table.read(folder / f"{shard}.parquet", columns)
    good = rows.filter(pc.equal(rows["status"], scalar_of("ok", pa.string())))
    sizes = [to_integers(good[name], 0) for name in ("height", "width")]
    texts = {name: _text(good[name]) for name in ("key", "path", "source_sha256")}
    fit = np.array([value is True for value in good["verbatim"].to_pylist()], np.bool_)
    sums = None
    if "source_crc32c" in good.column_names:
        sums = to_integers(good["source_crc32c"], 0).astype(np.uint32)
    stacked = np.stack(sizes, axis=1)
    return Paths(texts["key"], texts["path"], fit, stacked, texts["source_sha256"], sums, shard)


def join_checksums(shards: Sequence[Paths]) -> NDArray[np.uint32] | None:
    """(N,) uint32 CRC-32C of the originals of all shards; None of format 2, which has none."""
    known = [paths.checksums for paths in shards if paths.checksums is not None]
    return np.concatenate(known) if known and len(known) == len(shards) else None


def _text(column: pa.ChunkedArray) -> pa.Array:
    empty = array_of([], pa.string())
    return pa.concat_arrays([empty, *column.fill_null(scalar_of("", pa.string())).chunks])


class Photos:
    """The photos of every sample of a data set, by number.

    Args:
        folder: of the originals.
        places: of each sample, in order.
        checksums: (N,) uint32, CRC-32C of each; None where they are not known.
    """

    def __init__(
        self, folder: Location, places: Iterable[Place], checksums: NDArray[np.uint32] | None = None
    ) -> None:
        self.folder = folder
        self._checksums = checksums
        self.files: list[str] = []
        numbers: dict[str, int] = {}
        columns = (array("L"), array("q"), array("Q"), array("B"))
        for place in places:
            number = numbers.setdefault(place.file, len(numbers))
            if number == len(self.files):
                self.files.append(place.file)
            for column, value in zip(columns, (number, *place[1:]), strict=True):
                column.append(value)
        kinds = ("<u4", "<i8", "<u4", "?")
        self._file, self._offset, self._size, self._deflated = (
            np.array(column).astype(kind) for column, kind in zip(columns, kinds, strict=True)
        )
        self._open()

    def __len__(self) -> int:
        return len(self._file)

    def _open(self) -> None:
        self._descriptors = OpenFiles(self._open_file)

    def _open_file(self, number: int) -> int:
        place = self.folder / self.files[number]
        if isinstance(place, ObjectLocation):
            raise TypeError(f"{place} is no file")  # its bytes are asked for, see `_bytes`
        return open_regular(place)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_descriptors"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def close(self) -> None:
        """Close the files; the next read opens them again."""
        self._descriptors.close()

    def where(self, sample: int) -> str:
        """File and offset of a photo, in words."""
        return f"{self.files[self._file[sample]]} at byte {self._offset[sample]}"

    def check(self, shards: Sequence[Paths], *, everything: bool) -> None:
        """Compare photos with what the tables say.

        The first and last of each shard, or all, then with their SHA-256.

        Raises:
            ShardFault: one is not the photo that the mask was made from.
        """
        first = 0
        for paths in shards:
            count = len(paths.keys)
            for row in range(count) if everything else sorted({0, count - 1} if count else ()):
                cause = self._difference(first + row, paths, row, hashed=everything)
                if cause:
                    raise ShardFault(
                        "a photo is not the one that the mask was made from",
                        where=f"{paths.keys[row]} in {self.where(first + row)}",
                        cause=cause,
                        remedy="give the folder of the originals, unchanged",
                    )
            first += count
        self.close()

    def _difference(self, sample: int, paths: Paths, row: int, *, hashed: bool) -> str:
        height, width = paths.sizes[row].tolist()
        try:
            data = self.read(sample, (height, width))
        except (ImageFault, OSError) as error:
            return str(error)
        same = not hashed or hashlib.sha256(data.data).hexdigest() == paths.sha256[row].as_py()
        return "" if same else "another SHA-256 than in the table"

    def read(self, sample: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        """The bytes of a photo, uint8.

        Args:
            sample: its number in the data set.
            size: (height, width) that the mask was made for, px.

        Raises:
            ImageFault: it is no longer an upright plain JPEG of that size, ends early, or has other bytes
                than when its mask was made.
            OSError: the file cannot be read.
            EnvironmentFault: the object store cannot be reached or refuses.
        """
        data = self._bytes(sample)
        if len(data) < self._size[sample]:
            raise ImageFault("truncated", f"{len(data)} of {self._size[sample]} bytes")
        check_photo(data.tobytes(), size)
        if self._checksums is not None and crc32c(data) != self._checksums[sample]:
            raise ImageFault("other-bytes", "another CRC-32C than the table records")
        return data

    def _bytes(self, sample: int) -> NDArray[np.uint8]:
        """As many bytes of a photo as there are; of an object store by one request."""
        file, offset, size = (int(column[sample]) for column in (self._file, self._offset, self._size))
        if self._deflated[sample]:
            return self._inflated(file, offset, size)
        if isinstance(self.folder, ObjectLocation):
            place = self.folder / self.files[file]
            return np.frombuffer(place.bucket.read(place.key, offset, max(1, size)).data, np.uint8)[
                :size
            ].copy()
        data = np.empty(size, np.uint8)
        with self._descriptors.use(file) as descriptor:
            count = os.preadv(descriptor, [data.data], offset)
        return data[:count]

    def _inflated(self, file: int, offset: int, size: int) -> NDArray[np.uint8]:
        """A member of a zip file that is no slice of it."""
        place = Place(self.files[file], offset, size, deflated=True)
        if isinstance(self.folder, ObjectLocation):
            with open_bytes(self.folder / place.file) as far:
                return np.frombuffer(read_place(far.read_at, place), np.uint8).copy()
        with self._descriptors.use(file) as descriptor:
            return np.frombuffer(read_place(slice_reader(descriptor), place), np.uint8).copy()


def read_place(read_at: ReadAt, place: Place) -> bytes:
    """The bytes of a photo, fewer where its file ends before.

    Args:
        read_at: of its file.
        place: of the photo there.

    Raises:
        ImageFault: it cannot be inflated, or gives more bytes than it should.
    """
    if not place.deflated:
        return read_at(place.offset, place.size)
    try:
        return inflate(read_at, place.offset, place.size)
    except ContainerFault as fault:
        raise ImageFault(fault.reason, fault.detail) from fault


def check_photo(data: bytes, size: tuple[int, int]) -> None:
    """Make sure that bytes are a photo that a mask of (height, width) `size` fits.

    Raises:
        ImageFault: they are not.
    """
    header = read_header(data)
    if header.format != "jpeg" or not header.plain:
        raise ImageFault("not-plain", f"{header.format}, EXIF orientation {header.orientation}")
    if (header.height, header.width) != size:
        raise ImageFault(
            "other-size",
            f"the photo has {header.width}x{header.height} px, its mask is for {size[1]}x{size[0]}",
        )
