"""A folder of shards, opened only when it is exactly what its manifest says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from maskgen.errors import UsageError
from maskgen.io.storage.location import open_location
from maskgen.shards.subset import Subset

from ..storage.cache import open_cache
from .dataset import Dataset
from .indexed import open_index
from .open_shard import check_hash
from .sidecar import join
from .subset import take_subset

_SHUFFLE = re.compile(r"global|shards(?::([1-9][0-9]{0,5}))?")
_WINDOW = 16


def open_dataset(
    path: str | os.PathLike[str],
    *,
    allow_incomplete: bool = False,
    check_hashes: bool = False,
    photos: str | Path | None = None,
    unfit_photos: str = "refuse",
    cache: str | Path | None = None,
    cache_bytes: int | None = None,
    shuffle: str = "global",
    subset: Subset | None = None,
) -> Dataset:
    """Open a folder that `maskgen run` wrote, or a copy of its manifest, tars, indexes and tables.

    Checked before anything is handed out: the manifest's seal and sums; that no shard is missing, extra,
    renamed or swapped and there is one manifest; every file's size; the SHA-256 of every index and table;
    that index, table and manifest count the same samples; that the members fill each tar to its last byte;
    and, in a few places of each tar, that the headers are those of the table. A flipped bit inside a tar is
    found when its member is read, by the CRC-32C in the table (since shard format 3), or here with
    `check_hashes`, which reads every byte.

    Args:
        path: the folder, or its address in an object store (``s3://bucket/prefix``, ``gs://...``).
        allow_incomplete: accept a run that has not ended; files it has not committed yet are left alone.
        check_hashes: also compare the SHA-256 of every tar, and of every photo with `photos`.
        photos: for shards without photos (layout sidecar): the folder of the originals, or its address, which
            is what the run had as --input. The photo of every sample is found now, by the path in its table,
            or by key where the tars were renamed; a few photos of each shard are compared with their masks'
            sizes.
        unfit_photos: what to do about originals that are no upright plain JPEG of the size their mask was
            made for: ``refuse`` to open, or ``drop`` their samples.
        cache: a folder on a local disk that tars are fetched into when they are needed, checked by size and
            SHA-256. Required for addresses; a slow shared folder may have one too. Processes may share it.
        cache_bytes: the most that this cache may hold, bytes; the tars used longest ago go first, never one
            that is being read. None: as much as the disk has.
        shuffle: ``global``: any sample may stand anywhere in an epoch, which needs a cache for all tars; or
            ``shards:K`` (K is 16 when left out): shards in random order, samples shuffled within windows of K
            shards, which needs a cache for two windows.
        subset: a part of the samples: a sample drawn by a seed, or keys from a file, see `Subset`. The data
            set is then as one that holds no others: the order, the ranks' shares and a saved state are of the
            subset.

    Raises:
        ShardFault: something is not what the manifest says, or a photo is missing.
        UsageError: the run has not ended and `allow_incomplete` is off, the cache is too small for the order,
            the subset cannot be had, or an option is out of range.
        EnvironmentFault: the store cannot be reached, or the disk is full.

    Example:
        ```python
        dataset = open_dataset("shards/")
        print(dataset.samples, dataset.members)
        ```
    """
    window = _window(shuffle, unfit_photos)
    tars = open_cache(_folder_or_address(path), cache, cache_bytes)
    folder = tars.folder if tars else Path(path)
    index = open_index(folder, tars, window, allow_incomplete=allow_incomplete)
    numbers = np.flatnonzero(index.directory["samples"])
    firsts = np.append(index.firsts[numbers], index.firsts[-1])
    dataset = Dataset(folder, index, numbers, firsts, index.manifest_sha256, cache=tars, window=window)
    part = take_subset(dataset, subset) if subset else dataset
    return _joined(part, photos, check_hashes=check_hashes, drop=unfit_photos == "drop")


def _joined(dataset: Dataset, photos: str | Path | None, *, check_hashes: bool, drop: bool) -> Dataset:
    """With its photos, where they are elsewhere; with `check_hashes` every byte is compared."""
    for number in range(len(dataset.shards)) if check_hashes else ():
        tar = dataset.tars(number)
        with dataset.descriptor(tar):  # a remote one is fetched, and checked on its way
            check_hash(dataset.tar(tar), tar.sha256)
    return (
        dataset
        if photos is None
        else join(dataset, open_location(photos), check_hashes=check_hashes, drop=drop)
    )


def as_dataset(given: Dataset | str | os.PathLike[str]) -> Dataset:
    """The data set that is meant: an open one as it is, or a folder or address, which is opened.

    Raises:
        ShardFault: something is not what its manifest says.
        UsageError: the run has not ended, an address, which needs `open_dataset` with a cache, or neither of
            these.
    """
    return given if isinstance(given, Dataset) else open_dataset(given)


def _window(shuffle: str, unfit_photos: str) -> int:
    """Shards per window, 0 for a global shuffle."""
    match = _SHUFFLE.fullmatch(shuffle)
    if match is None:
        known = [("shuffle", "global"), ("shuffle", "shards:16")]
        raise UsageError(f"the shuffle {shuffle!r} is out of range", arguments=known)
    if unfit_photos not in ("refuse", "drop"):
        known = [("unfit_photos", "refuse"), ("unfit_photos", "drop")]
        raise UsageError(f"unfit_photos {unfit_photos!r} is out of range", arguments=known)
    return 0 if shuffle == "global" else int(match[1] or _WINDOW)


def _folder_or_address(path: str | os.PathLike[str]) -> str | Path:
    if isinstance(path, str):
        return path
    if not isinstance(path, os.PathLike):
        raise UsageError(
            f"a data set is a folder or an address, not {path!r:.100}",
            remedy="give the folder that maskgen run wrote, as a str or a Path",
        )
    return Path(path)
