"""Whole samples in a shuffled order, divided among ranks and workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.utils.data import IterableDataset, get_worker_info

from maskgen.errors import UsageError

from ..options import as_whole
from .shard_dataset import ShardDataset


class ShardStream(IterableDataset[Any]):
    """An epoch of a `ShardDataset` as a stream, for a DataLoader with any number of workers.

    An epoch's order is a function of the seed and the epoch alone: the same on all ranks and for any number
    of workers, though DataLoader takes the workers' samples in turn. Rank r of R gets the samples at the
    places r, r + R, r + 2R, ... of the order, as many as every other rank; the R - 1 or fewer that are left
    over are other ones in each epoch. To go on in the middle of an epoch, use `TorchLoader` or `DaliLoader`.

    Args:
        data: what is read. Of an address in an object store, open it with ``shuffle="shards"``, so that its
            tars are fetched one after another.
        seed: of the order, from 0.
        shuffle: False: the order of the shards, in every epoch.
        rank: this process; None: torch.distributed's, or 0 where that is not in use.
        world: number of ranks; None: likewise.
        read_together: samples that a worker reads at once.

    Raises:
        UsageError: a number is out of range.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from maskgen.loaders import ShardDataset, ShardStream
        >>> stream = ShardStream(ShardDataset("shards", form="arrays"), seed=0)
        >>> for epoch in range(2):
        ...     stream.set_epoch(epoch)
        ...     first = next(iter(DataLoader(stream, batch_size=None)))
        >>> sorted(first)
        ['image', 'key', 'label', 'mask']
    """

    def __init__(
        self,
        data: ShardDataset,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world: int | None = None,
        read_together: int = 16,
    ) -> None:
        joined = distributed.is_available() and distributed.is_initialized()
        known = (distributed.get_rank(), distributed.get_world_size()) if joined else (0, 1)
        self.data = data
        self.rank = as_whole("rank", known[0] if rank is None else rank)
        self.world = as_whole("world", known[1] if world is None else world)
        self.seed = as_whole("seed", seed)
        self._together = as_whole("read_together", read_together)
        if not (0 <= self.rank < self.world and self._together >= 1):
            raise UsageError(
                f"rank={self.rank} of world={self.world}, read_together={self._together} is out of range",
                remedy="rank counts from 0 to world - 1, and at least one sample is read at once",
            )
        self._shuffle = shuffle
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call] # workers that are kept see it change

    def __len__(self) -> int:
        return len(self.data) // self.world

    @property
    def epoch(self) -> int:
        """The epoch of the next iteration."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is this epoch, also in workers that are kept."""
        self._epoch.fill_(as_whole("epoch", epoch))

    def __iter__(self) -> Iterator[Any]:
        """This worker's samples of the epoch, a part of this rank's.

        Yields:
            What the data set gives, after its transform.

        Raises:
            BrokenSample: one is damaged, and the data set's `on_error` is ``raise``.
        """
        worker = get_worker_info()
        own, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        order = self.data.dataset.order(self.seed, self.epoch) if self._shuffle else None
        count = len(self)
        for start in range(own * self._together, count, workers * self._together):
            places = np.arange(start, min(start + self._together, count)) * self.world + self.rank
            yield from self.data.__getitems__((places if order is None else order[places]).tolist())
