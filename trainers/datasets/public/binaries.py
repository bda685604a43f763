"""CIFAR-10, CIFAR-100 and STL-10: pictures in binary files of records, mapped and never unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.io.atomic import file_sha256

from .folder import Pictures, SetFolder

_CIFAR, _STL = 32, 96
_PLANES = 3


def read_cifar10(home: SetFolder, split: str, _partition: int) -> Pictures:
    """Records of one byte for the class and 3 x 32 x 32 for the picture: 10,000 a file.

    Raises:
        SourceFault: a file is missing, pickled, or not as long as its records.
    """
    files = [f"data_batch_{number}.bin" for number in range(1, 6)] if split == "train" else ["test_batch.bin"]
    return _cifar(home, files, "batches.meta.txt", 1)


def read_cifar100(home: SetFolder, split: str, _partition: int) -> Pictures:
    """Records of a byte for the coarse class, one for the fine, which counts, and 3 x 32 x 32.

    Raises:
        SourceFault: as `read_cifar10`.
    """
    return _cifar(home, [f"{split}.bin"], "fine_label_names.txt", 2)


def read_stl10(home: SetFolder, split: str, _partition: int) -> Pictures:
    """Pictures of 3 x 96 x 96 bytes, column by column; classes 1 to 10 in a file beside, of no ``unlabeled``.

    Raises:
        SourceFault: as `read_cifar10`.
    """
    parts = [_stl(home, part) for part in split.split("+")]
    records = [records for records, _ in parts]
    labels = np.concatenate([labels for _, labels in parts])
    names = dict(enumerate(home.rows("class_names.txt")))
    marks = [file_sha256(home.root / f"{part}_X.bin") for part in split.split("+")]
    starts = np.cumsum([0, *(len(one) for one in records)])

    def read(number: int) -> NDArray[np.uint8]:
        file = int(np.searchsorted(starts, number, side="right")) - 1
        planes = records[file][number - starts[file]].reshape(_PLANES, _STL, _STL)
        return np.ascontiguousarray(planes.transpose(2, 1, 0))

    return Pictures(labels, digest([marks, labels.tolist()]), read, names)


def _cifar(home: SetFolder, files: Sequence[str], listing: str, bytes_of_class: int) -> Pictures:
    _refuse_pickles(home)
    length = bytes_of_class + _PLANES * _CIFAR * _CIFAR
    paths = [home.file(name) for name in files]
    records = [_records(home, path, length) for path in paths]
    labels = np.concatenate([part[:, bytes_of_class - 1].astype(np.int64) for part in records])
    names = dict(enumerate(home.rows(listing)))
    _check_classes(home, labels, len(names), paths[0])
    starts = np.cumsum([0, *(len(one) for one in records)])

    def read(number: int) -> NDArray[np.uint8]:
        file = int(np.searchsorted(starts, number, side="right")) - 1
        planes = records[file][number - starts[file], bytes_of_class:].reshape(_PLANES, _CIFAR, _CIFAR)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))

    return Pictures(labels, digest([file_sha256(path) for path in paths]), read, names)


def _stl(home: SetFolder, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    records = _records(home, home.file(f"{part}_X.bin"), _PLANES * _STL * _STL)
    if part == "unlabeled":
        return records, np.full(len(records), -1, np.int64)
    path = home.file(f"{part}_y.bin")
    labels = np.fromfile(path, np.uint8).astype(np.int64) - 1
    if len(labels) != len(records):
        what = f"{len(labels)} classes for {len(records)} pictures of {home.title}"
        raise home.fault(what, path, "half a download, or files of two versions")
    _check_classes(home, labels, 10, path)
    return records, labels


def _records(home: SetFolder, path: Path, length: int) -> NDArray[np.uint8]:
    """(N, length) uint8, mapped."""
    size = path.stat().st_size
    if size == 0 or size % length:
        what = f"a file of {home.title} has {size} bytes, which are no whole records of {length}"
        raise home.fault(what, path, "half a download")
    return np.memmap(path, np.uint8, "r").reshape(-1, length)


def _check_classes(home: SetFolder, labels: NDArray[np.int64], classes: int, path: Path) -> None:
    if labels.min() < 0 or labels.max() >= classes:
        what = f"a file of {home.title} has a class beyond its {classes}"
        raise home.fault(what, path, "another file, or damage")


def _refuse_pickles(home: SetFolder) -> None:
    pickled = [name for name in ("data_batch_1", "train") if (home.root / name).is_file()]
    if pickled and not list(home.root.glob("*.bin")):
        cause = "it is the version for Python, pickles, which may run code and are not read"
        raise home.fault(f"no binary version of {home.title}", home.root / pickled[0], cause)
