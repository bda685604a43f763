"""From the path of a photo to its key, through the tables."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskgen.errors import UsageError
from maskgen.io.arrow import table_of
from maskgen.shards import table

_COLUMNS = pa.schema([("key", pa.string()), ("path", pa.string())])


class SourcePaths:
    """The keys of a data set's photos by the paths that its source had, quarantined photos among them.

    A million photos take about a second to read and 16 bytes of memory each beside their names.

    Args:
        folder: of the tables.
        shards: their names.

    Raises:
        ShardFault: a table is damaged.
    """

    def __init__(self, folder: Path, shards: Iterable[str]) -> None:
        tables = [table.read(folder / f"{name}.parquet", _COLUMNS.names) for name in shards]
        whole = pa.concat_tables(tables) if tables else table_of([], _COLUMNS)
        self._keys, self._paths = whole["key"], whole["path"]
        hashes = np.fromiter(map(_hash, self._paths.to_pylist()), np.uint64, len(self._paths))
        self._order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self._order]

    def key_of(self, path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> str:
        """The key of a photo.

        Args:
            path: of the photo, as a program that walks the originals has it: absolute, or relative to any
                folder from the source's root upwards.
            root: the run's ``--input``, where its end alone could mean two photos.

        Raises:
            KeyError: no photo of the source has this path.
            UsageError: two could be meant.
        """
        text = os.path.normpath(path).replace(os.sep, "/")
        if root is not None:
            ends = [os.path.relpath(text, root).replace(os.sep, "/")]
        else:
            parts = text.split("/")
            ends = ["/".join(parts[first:]) for first in range(len(parts))]
        found = {end: key for end in ends if (key := self._find(end))}
        if not found:
            raise KeyError(f"no photo of the source has the path {os.fspath(path)!r}")
        if len(found) > 1:
            raise UsageError(
                "two photos of the source end alike",
                where=f"{text}: {' or '.join(found)}",
                remedy="name the run's --input too: key_of(path, root)",
            )
        return next(iter(found.values()))

    def _find(self, path: str) -> str | None:
        """The key of the photo with exactly this path in the tables."""
        value = np.uint64(_hash(path))
        first, last = (
            np.searchsorted(self._sorted, value, "left"),
            np.searchsorted(self._sorted, value, "right"),
        )
        for row in self._order[first:last].tolist():
            if self._paths[row].as_py() == path:
                key: str = self._keys[row].as_py()
                return key
        return None


def _hash(path: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little"
    )
