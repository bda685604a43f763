"""A folder of shards, opened only when it is exactly what its manifest says."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.shards.manifest import Manifest

from ..order.schedule import GlobalOrder, Order, WindowOrder
from ..storage.cache import TarCache, open_cache
from .checks import check_folder, check_unique, read_manifest
from .originals import Photos
from .shard import COPY_AGAIN, Shard, check_hash, open_shard
from .sidecar import join

_SHUFFLE = re.compile(r"global|shards(?::([1-9][0-9]{0,5}))?")
_WINDOW = 16
_OPENERS = 8
_EXHAUSTED = {errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """An open data set; make it with `open_dataset`.

    Args:
        path: its folder; of a remote one, the folder of its files in the cache.
        manifest: what it holds.
        shards: the shards that have samples, in order.
        firsts: (S + 1,) int64, number of each shard's first sample, and the number of samples.
        fingerprint: SHA-256 of all that decides which sample has which number; `LoaderState` keeps it.
        photos: where the photos lie, of a sidecar data set that was opened with them.
        cache: of a remote data set.
        window: shards per window of the order, 0 for a global shuffle.
    """

    path: Path
    manifest: Manifest
    shards: tuple[Shard, ...]
    firsts: NDArray[np.int64]
    fingerprint: str
    photos: Photos | None = None
    cache: TarCache | None = None
    window: int = 0

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, {self.samples} samples in {len(self.shards)} shards)"

    @property
    def samples(self) -> int:
        """Samples in all shards."""
        return int(self.firsts[-1])

    @property
    def members(self) -> tuple[str, ...]:
        """Extensions that every sample has, in tar order."""
        return self.manifest.members

    @property
    def threshold(self) -> float:
        """Mask value in [0, 1] from which a pixel was counted as foreground when the shards were made."""
        return self.manifest.threshold

    @property
    def level(self) -> int:
        """The smallest stored mask value, 1..255, that counts as foreground."""
        return self.manifest.level

    def order(self, seed: int, epoch: int) -> Order:
        """The order of an epoch: ``order[positions]`` gives sample numbers."""
        if self.window:
            return WindowOrder(self.firsts, seed, epoch, self.window)
        return GlobalOrder(self.samples, seed, epoch)

    def shard_numbers(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of `shards` each sample lies in, int64 of the same shape.

        Raises:
            IndexError: a number outside 0..samples-1.
        """
        if samples.size and not (samples.min() >= 0 and samples.max() < self.samples):
            raise IndexError(f"samples {samples.min()}..{samples.max()} of {self.samples}")
        return np.searchsorted(self.firsts, samples, side="right") - 1

    def locate(self, sample: int) -> tuple[Shard, int]:
        """The shard of a sample, and its row there."""
        number = int(self.shard_numbers(np.array([sample]))[0])
        return self.shards[number], sample - int(self.firsts[number])

    def keys(self, samples: NDArray[np.int64]) -> list[str]:
        """The keys of samples."""
        shards = self.shard_numbers(samples)
        rows = zip(shards.tolist(), (samples - self.firsts[shards]).tolist(), strict=True)
        return [self.shards[shard].keys[row].decode() for shard, row in rows]

    def tar(self, shard: Shard) -> Path:
        """The tar of a shard; of a remote data set it may not be there yet, see `open_tar`."""
        return self.path / shard.tar_name

    def open_tar(self, shard: Shard) -> int:
        """A descriptor of a shard's tar, which is fetched first where the data set is remote; the caller closes it.

        Raises:
            ShardFault: it cannot be opened any more.
            EnvironmentFault: it cannot be fetched, or no descriptor is left.
        """
        if self.cache is not None:
            return self.cache.open_tar(shard)
        path = self.tar(shard)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise EnvironmentFault(
                    "too many open files",
                    where=path.name,
                    remedy="raise ulimit -n",
                    arguments=[("open_files", "<fewer>")],
                ) from error
            raise ShardFault(
                "cannot open a tar", where=path.name, cause=str(error), remedy=COPY_AGAIN
            ) from error

    @contextlib.contextmanager
    def descriptor(self, shard: Shard) -> Iterator[int]:
        """A shard's tar, open for `read_member`; see `open_tar`."""
        descriptor = self.open_tar(shard)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def open_dataset(
    path: str | Path,
    *,
    allow_incomplete: bool = False,
    check_hashes: bool = False,
    photos: str | Path | None = None,
    unfit_photos: str = "refuse",
    cache: str | Path | None = None,
    cache_bytes: int | None = None,
    shuffle: str = "global",
) -> Dataset:
    """Open a folder that `maskgen run` wrote, or a copy of its manifest, tars, indexes and tables.

    Checked before anything is handed out: the manifest's seal and sums; that no shard is missing, extra, renamed
    or swapped and there is one manifest; every file's size; the SHA-256 of every index and table; that index,
    table and manifest count the same samples; that the members fill each tar to its last byte; and, in a few
    places of each tar, that the headers are those of the table. A flipped byte inside a tar's contents is found
    with `check_hashes` only (it reads every byte).

    Args:
        path: the folder, or its address in an object store (``s3://bucket/prefix``, ``gs://...``).
        allow_incomplete: accept a run that has not ended; files it has not committed yet are left alone.
        check_hashes: also compare the SHA-256 of every tar, and of every photo with `photos`.
        photos: for shards without photos (layout sidecar): the folder of the originals, which is what the run had as
            --input. The photo of every sample is found now, by the path in its table, or by key where the tars were
            renamed; a few photos of each shard are compared with their masks' sizes.
        unfit_photos: what to do about originals that are no upright plain JPEG of the size their mask was made for:
            ``refuse`` to open, or ``drop`` their samples.
        cache: a folder on a local disk that tars are fetched into when they are needed, checked by size and SHA-256.
            Required for addresses; a slow shared folder may have one too. Processes may share it.
        cache_bytes: the most that this cache may hold, bytes; the tars used longest ago go first, never one that is
            being read. None: as much as the disk has.
        shuffle: ``global``: any sample may stand anywhere in an epoch, which needs a cache for all tars; or
            ``shards:K`` (K is 16 when left out): shards in random order, samples shuffled within windows of K shards,
            which needs a cache for two windows.

    Raises:
        ShardFault: something is not what the manifest says, or a photo is missing.
        UsageError: the run has not ended and `allow_incomplete` is off, the cache is too small for the order, or an
            option is out of range.
        EnvironmentFault: the store cannot be reached, or the disk is full.
    """
    window = _window(shuffle, unfit_photos)
    tars = open_cache(path, cache, cache_bytes)
    path = tars.folder if tars else Path(path)
    whole = read_manifest(path)
    if not whole.complete and not allow_incomplete:
        raise UsageError(
            f"the run has not ended: {whole.samples + whole.failed} of {whole.planned} images are done",
            where=str(path),
            remedy="run the same maskgen run command again",
            arguments=[("allow_incomplete", True)],
        )
    check_folder(tars.prepare(whole, window) if tars else sorted(p.name for p in path.iterdir()), whole)
    shards = _open_shards(path, whole, remote=tars is not None)
    check_unique(shards)
    firsts = np.cumsum([0] + [len(shard.keys) for shard in shards])
    fingerprint = hashlib.sha256(whole.render()).hexdigest()
    dataset = Dataset(path, whole, tuple(shards), firsts, fingerprint, cache=tars, window=window)
    if photos is not None:
        dataset = join(dataset, Path(photos), check_hashes=check_hashes, drop=unfit_photos == "drop")
    if check_hashes:
        for shard in shards:
            with dataset.descriptor(shard):  # a remote one is fetched, and checked on its way
                check_hash(dataset.tar(shard), shard.sha256)
    return dataset


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


def _open_shards(path: Path, whole: Manifest, *, remote: bool) -> list[Shard]:
    """The shards that have samples; several are checked at a time, as most of it waits for the disk or hashes."""
    firsts = np.cumsum([0] + [record.samples for record in whole.shards]).tolist()

    def opened(number: int) -> Shard:
        return open_shard(path, whole.shards[number], whole.members, firsts[number], remote=remote)

    with ThreadPoolExecutor(_OPENERS) as pool:
        return [shard for shard in pool.map(opened, range(len(whole.shards))) if len(shard.keys)]
