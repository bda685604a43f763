"""An open data set: which sample has which number, where it lies, and in which order an epoch visits it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io.regular import open_regular
from maskgen.shards.manifest import Manifest

from ..order.shuffle import GlobalOrder, Order, WindowOrder
from ..storage.cache import TarCache
from .originals import Photos
from .shard import COPY_AGAIN, Shard

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
        """The keys of (B,) samples, by their numbers 0..N-1."""
        shards = self.shard_numbers(samples)
        rows = zip(shards.tolist(), (samples - self.firsts[shards]).tolist(), strict=True)
        return [self.shards[shard].keys[row].decode() for shard, row in rows]

    def tar(self, shard: Shard) -> Path:
        """The tar of a shard; of a remote data set it may not be there yet, see `open_tar`."""
        return self.path / shard.tar_name

    def open_tar(self, shard: Shard) -> int:
        """A descriptor of a shard's tar, which is fetched first where the data set is remote.

        The caller closes it.

        Raises:
            ShardFault: it cannot be opened any more.
            EnvironmentFault: it cannot be fetched, or no descriptor is left.
        """
        if self.cache is not None:
            return self.cache.open_tar(shard)
        path = self.tar(shard)
        try:
            return open_regular(path)
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
