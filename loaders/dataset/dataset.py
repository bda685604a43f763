"""An open data set: which sample has which number, where it lies, and in which order an epoch visits it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io.regular import open_regular
from maskgen.shards.manifest import Manifest

from ..index.layout import Places, key_hash
from ..index.mapped import Index, TarFact
from ..order.shuffle import GlobalOrder, Order, WindowOrder
from ..storage.cache import Tar, TarCache
from .open_shard import read_keys
from .originals import Photos
from .shard import COPY_AGAIN, Shard

_EXHAUSTED = {errno.EMFILE, errno.ENFILE}
_NAME_BYTES = 100  # of a tar's header


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """An open data set; make it with `open_dataset`.

    Args:
        path: its folder; of a remote one, the folder of its files in the cache.
        index: where its samples lie.
        numbers: (S,) int64, which of the index's shards have samples of the data set, in order.
        firsts: (S + 1,) int64, number of each shard's first sample, and the number of samples.
        fingerprint: SHA-256 of all that decides which sample has which number; `LoaderState` keeps it.
        chosen: (N,) the numbers that the samples of a subset have in the index, in order; None for all.
        photos: where the photos lie, of a sidecar data set that was opened with them.
        cache: of a remote data set.
        window: shards per window of the order, 0 for a global shuffle.
    """

    path: Path
    index: Index
    numbers: NDArray[np.int64]
    firsts: NDArray[np.int64]
    fingerprint: str
    chosen: NDArray[np.integer] | None = None
    photos: Photos | None = None
    cache: TarCache | None = None
    window: int = 0

    def __repr__(self) -> str:
        return f"Dataset({self.where!r}, {self.samples} samples in {len(self.shards)} shards)"

    @property
    def where(self) -> str:
        """The folder or the address that it was opened by, as messages name it."""
        return str(self.cache.source if self.cache else self.path)

    @property
    def manifest(self) -> Manifest:
        """What the folder holds."""
        return self.index.manifest

    @property
    def shards(self) -> Sequence[Shard]:
        """The shards that have samples, in order.

        Each is read when it is asked for: its places from the index, its keys from its table.
        """
        return Shards(self)

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

    def take(self, samples: NDArray[np.bool_], fingerprint: str) -> Dataset:
        """The data set of those samples alone for which `samples`, (N,) bool, is True, numbered anew."""
        chosen = np.flatnonzero(samples) if self.chosen is None else self.chosen[samples]
        counts = np.diff(np.searchsorted(chosen, self.index.firsts))
        numbers = np.flatnonzero(counts)
        firsts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[numbers])])
        kept = chosen.astype(self.index.layout.number)
        return replace(self, numbers=numbers, firsts=firsts, chosen=kept, fingerprint=fingerprint)

    def shard_numbers(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of `shards` each sample lies in, int64 of the same shape.

        Raises:
            IndexError: a number outside 0..samples-1.
        """
        if samples.size and not (samples.min() >= 0 and samples.max() < self.samples):
            raise IndexError(f"samples {samples.min()}..{samples.max()} of {self.samples}")
        return np.searchsorted(self.firsts, samples, side="right") - 1

    def places(self, samples: NDArray[np.int64], members: Collection[str]) -> Places:
        """Where (B,) samples lie, with the checksums of `members`; those of others may be 0.

        Raises:
            EnvironmentFault: the index was cut or overwritten since it was opened.
        """
        return self.index.places(samples if self.chosen is None else self.chosen[samples], members)

    def locate(self, sample: int) -> tuple[Shard, int]:
        """The shard of a sample, and its row there."""
        number = int(self.shard_numbers(np.array([sample]))[0])
        return self.shards[number], sample - int(self.firsts[number])

    def alone(self, sample: int, key: str | None = None) -> Shard:
        """A shard's one sample, which is its row 0; the key is read from the table where it is not given.

        Raises:
            IndexError: no such sample.
            ShardFault: the table is damaged.
        """
        number = np.array([sample])
        tar = self.tars(int(self.shard_numbers(number)[0]))
        keys = np.array(self.keys(number) if key is None else [key], np.bytes_)
        _, starts, lengths, checksums = self.places(number, self.members)
        return Shard(tar.name, sample, self.members, tar.bytes, tar.sha256, keys, starts, lengths, checksums)

    def keys(self, samples: NDArray[np.int64]) -> list[str]:
        """The keys of (B,) samples, by their numbers 0..N-1, from the tables.

        Raises:
            IndexError: no such sample.
            ShardFault: a table is damaged.
        """
        shards = self.shard_numbers(samples)
        found = np.empty(len(samples), object)
        for shard in np.unique(shards).tolist():
            here = shards == shard
            found[here] = self.shard_keys(shard)[samples[here] - self.firsts[shard]]
        return [key.decode() for key in found.tolist()]

    def shard_keys(self, shard: int) -> NDArray[np.bytes_]:
        """The (N,) keys of the samples of one of `shards`, ASCII, from its table.

        Raises:
            ShardFault: the table is damaged.
        """
        number = int(self.numbers[shard])
        record = self.manifest.shards[number]
        keys: NDArray[np.bytes_] = read_keys(self.path, record.name, record.files["parquet"].sha256)
        if self.chosen is None:
            return keys
        rows = self.chosen[self.firsts[shard] : self.firsts[shard + 1]].astype(np.int64)
        return np.asarray(keys[rows - self.index.firsts[number]])

    def find(self, key: str) -> int | None:
        """The number of the sample with this key; None where there is none.

        Raises:
            ShardFault: a table is damaged.
            EnvironmentFault: the index was cut or overwritten since it was opened.
        """
        for row in self.index.find(key_hash(key.encode("utf-8", "surrogatepass"))):
            number = row if self.chosen is None else int(np.searchsorted(self.chosen, row))
            if self.chosen is not None and (number == self.samples or self.chosen[number] != row):
                continue
            if self._is_key(number, key):
                return number
        return None

    def _is_key(self, sample: int, key: str) -> bool:
        """Whether a sample has just this key: the tar tells at once, the table surely."""
        if self.cache is None:
            with contextlib.suppress(ShardFault), self.descriptor(self.tars(self._shard_of(sample))) as tar:
                start = int(self.places(np.array([sample]), ()).starts[0])
                name = os.pread(tar, _NAME_BYTES, start).rstrip(b"\0")
                if name == f"{key}.{self.members[0]}".encode():
                    return True
        return self.keys(np.array([sample])) == [key]

    def _shard_of(self, sample: int) -> int:
        return int(self.shard_numbers(np.array([sample]))[0])

    def tars(self, shard: int) -> TarFact:
        """What the tar of one of `shards` must be."""
        return self.index.tar(int(self.numbers[shard]))

    def tar(self, shard: Tar) -> Path:
        """The tar of a shard; of a remote data set it may not be there yet, see `open_tar`."""
        return self.path / shard.tar_name

    def open_tar(self, shard: Tar) -> int:
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
    def descriptor(self, shard: Tar) -> Iterator[int]:
        """A shard's tar, open for `read_member`; see `open_tar`."""
        descriptor = self.open_tar(shard)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


class Shards(Sequence[Shard]):
    """The shards of an open data set that have samples of it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset.numbers)

    @overload
    def __getitem__(self, shard: int) -> Shard: ...

    @overload
    def __getitem__(self, shard: slice) -> tuple[Shard, ...]: ...

    def __getitem__(self, shard: int | slice) -> Shard | tuple[Shard, ...]:
        """A shard with the places and keys of all its samples, or some.

        Raises:
            ShardFault: its table is damaged.
        """
        number = range(len(self))[shard]
        if isinstance(number, range):
            return tuple(self[each] for each in number)
        data = self._dataset
        first, end = data.firsts[number : number + 2].tolist()
        tar = data.tars(number)
        _, starts, lengths, checksums = data.places(np.arange(first, end), data.members)
        keys = data.shard_keys(number)
        return Shard(tar.name, first, data.members, tar.bytes, tar.sha256, keys, starts, lengths, checksums)
