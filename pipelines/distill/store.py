"""The zarr store of photos, priors, running averages and labels: one chunk per image.

Nothing in it counts by being there. A step writes rows, makes them durable with `sync`, and then commits a
record that says how many rows count and what their SHA-256 is; a kill before the record costs the rows, never
their sense.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io.atomic import disk_errors, fsync_folder

FOLDER = "store.zarr"


def open_store(folder: Path) -> MapStore:
    """The store in the folder of a training, made if it is absent.

    Raises:
        EnvironmentFault: zarr is not installed, or the disk is full, broken or read-only.
    """
    try:
        import zarr
    except ImportError as error:
        raise EnvironmentFault(
            "maskgen deepusps needs the package zarr", remedy='pip install "maskgen[train,deepusps]"'
        ) from error
    root = folder / FOLDER
    with disk_errors(root):
        return MapStore(root, zarr.open_group(root, mode="a"))


class MapStore:
    """Arrays of N rows by name, in a zarr group on disk that any zarr 3 reads.

    Args:
        root: the group's folder.
        group: the open group.
    """

    def __init__(self, root: Path, group: Any) -> None:
        self.root = root
        self._group = group

    def __contains__(self, name: str) -> bool:
        return (self.root / name / "zarr.json").is_file()

    def create(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """An array of `shape`, its first axis the images; one of that name, shape and type is kept as it is.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
        """
        if name in self and self._fits(name, shape, np.dtype(dtype)):
            return
        self.remove(name)
        photos = len(shape) == 4  # they do not shrink without a codec of their own
        with disk_errors(self.root / name):
            self._group.create_array(
                name,
                shape=shape,
                chunks=(1, *shape[1:]),
                dtype=np.dtype(dtype),
                compressors=None if photos else "auto",
                chunk_key_encoding={"name": "v2", "separator": "."},  # one file per image in one folder
                fill_value=0,
            )

    def _fits(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        try:
            array = self._group[name]
        except Exception:  # noqa: BLE001 - a torn description, whatever zarr makes of it: the array is made again
            return False
        return bool(array.shape == shape and array.dtype == dtype)

    def write(self, name: str, first: int, rows: NDArray[Any]) -> None:
        """Put (n, ...) rows at images ``first`` to ``first + n - 1``; not durable before `sync`.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
        """
        with disk_errors(self.root / name, rows.nbytes):
            self._group[name][first : first + len(rows)] = rows

    def read(self, name: str, first: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``first`` to ``stop - 1``, (n, ...).

        Raises:
            ShardFault: the array is absent or damaged.
        """
        try:
            return np.asarray(self._group[name][first:stop])
        except Exception as error:  # a codec may raise anything on damaged bytes
            raise damaged(name, str(error)) from error

    def sync(self, name: str, rows: range | None = None) -> None:
        """Make an array durable: all of it, or the images of `rows`.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
        """
        folder = self.root / name
        with disk_errors(folder):
            for path in folder.iterdir():
                image = path.name.partition(".")[0]
                if rows is None or not image.isdigit() or int(image) in rows:
                    _sync_file(path)
            fsync_folder(folder)
            for above in folder.parents:
                for path in above.glob("*.json"):
                    _sync_file(path)
                fsync_folder(above)
                if above == self.root.parent:
                    break

    def remove(self, name: str) -> None:
        """Drop an array, if it is there.

        Raises:
            EnvironmentFault: the disk is broken or read-only.
        """
        folder = self.root / name
        with disk_errors(folder):
            if folder.exists():
                shutil.rmtree(folder)

    def sweep(self) -> None:
        """Drop what writers that were killed have left half written."""
        with disk_errors(self.root):
            for path in self.root.rglob("*.partial"):
                path.unlink(missing_ok=True)


def record_of(name: str) -> str:
    """Name of the record that makes an array of the store count.

    ``labels/mc/2`` is of ``mc-round-2``, ``labels/all/2/mc`` of ``all-round-2``.
    """
    kind, *rest = name.split("/")
    return f"{rest[0]}-round-{rest[1]}" if len(rest) > 1 else kind


def damaged(name: str, cause: str = "a torn copy or bit rot") -> ShardFault:
    """The fault of an array that is not what its record says."""
    return ShardFault(
        "an array of the store is absent or damaged",
        where=f"{FOLDER}/{name}",
        cause=cause,
        remedy=f"remove records/{record_of(name)}.json and run again: that step is then done anew, with the "
        "same result",
    )


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rows_sha256(rows: NDArray[Any]) -> str:
    """Hex digest of the bytes of (n, ...) rows in C order."""
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()
