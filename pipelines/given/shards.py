"""The masks of shards that an earlier run has made, by path or key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskgen.io.images.stored import decode_mask
from maskgen.shards import manifest, naming, reader, table
from maskgen.shards.record import Record
from maskgen.types import ByteRef

from ..keys import hash64
from ..sources.reading import ByteReader
from .fit import Found
from .tree import MAX_BYTES

_OFFSET, _SIZE, _CRC = (table.column(naming.MASK, part) for part in ("offset", "size", "crc32c"))
_ROW = np.dtype(
    [
        *(("key", "u8"), ("path", "u8"), ("offset", "i8"), ("size", "i4"), ("crc32c", "i8")),
        *(("shard", "i4"), ("height", "i4"), ("width", "i4")),
    ]
)


class Places(NamedTuple):
    """Rows of `_ROW`, sorted by the hash of one of their names."""

    rows: NDArray[Any]
    hashes: NDArray[np.uint64]

    def find(self, name: str) -> NDArray[Any] | None:
        """The row of a name."""
        wanted = np.uint64(hash64(name))
        at = int(np.searchsorted(self.hashes, wanted))
        return self.rows[at] if at < len(self.hashes) and self.hashes[at] == wanted else None


class ShardMasks:
    """The masks of a data set; 112 bytes of memory a sample.

    Args:
        folder: of the data set.

    Raises:
        ShardFault: a manifest or a table is damaged, or a file is not as recorded.
    """

    def __init__(self, folder: Path) -> None:
        self._shards = manifest.read(folder).shards
        parts = [_rows(folder, number, record) for number, record in enumerate(self._shards)]
        rows = np.concatenate([np.empty(0, _ROW), *parts])
        self._by_path, self._by_key = (_sorted(rows, name) for name in ("path", "key"))
        self._folder = folder

    def find(self, photo: str, key: str) -> Found | None:
        """The mask of a photo, by its path, or else by its key.

        Args:
            photo: its path.
            key: of its sample.

        Returns:
            The mask as it is stored; None where there is none.

        Raises:
            ImageFault: it cannot be read.
            ShardFault: it is damaged.
        """
        row = self._by_path.find(photo)
        row = self._by_key.find(key) if row is None else row
        if row is None:
            return None
        tar = f"{self._shards[int(row['shard'])].name}.tar"
        with contextlib.closing(ByteReader(self._folder, MAX_BYTES)) as bytes_of:
            data = bytes_of.read(ByteRef(tar, int(row["offset"]), int(row["size"])))
        crc = int(row["crc32c"])
        reader.check_crc32c(data, None if crc < 0 else crc, f"{tar} {key}.{naming.MASK}")
        return Found(decode_mask(data), (int(row["height"]), int(row["width"])))


def _rows(folder: Path, number: int, record: Record) -> NDArray[Any]:
    reader.check_size(folder, record)
    if "tar" not in record.files:
        return np.empty(0, _ROW)
    columns = ["key", "path", "status", "width", "height", _OFFSET, _SIZE, _CRC]
    read = table.read(folder / f"{record.name}.parquet", columns).to_pylist()
    return np.array(list(_facts(read, number)), _ROW)


def _facts(rows: Sequence[dict[str, Any]], number: int) -> Iterator[tuple[int, ...]]:
    for row in rows:
        if row["status"] == "ok":
            crc = row.get(_CRC)  # tables of format 2 have none
            place = (row[_OFFSET], row[_SIZE], -1 if crc is None else crc)
            yield hash64(row["key"]), hash64(row["path"]), *place, number, row["height"], row["width"]


def _sorted(rows: NDArray[Any], name: str) -> Places:
    ordered = rows[np.argsort(rows[name], kind="stable")]
    return Places(ordered, np.ascontiguousarray(ordered[name]))
