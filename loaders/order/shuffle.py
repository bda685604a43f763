"""The orders of an epoch's samples: permutations as pure functions of (seed, epoch, position)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .permutation import permute, stream_key


class Order(Protocol):
    """A permutation of the sample numbers that is computed where it is asked for, never stored as a whole."""

    @property
    def name(self) -> str:
        """How it was made, for `LoaderState`: ``global`` or ``shards:K``."""
        ...

    def __len__(self) -> int:
        """Samples of the epoch."""
        ...

    def __getitem__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sample numbers at these positions of the epoch, int64 of the same shape."""
        ...


@dataclass(frozen=True, slots=True)
class GlobalOrder:
    """Every sample anywhere: each permutation of the data set is as likely as any other.

    Args:
        samples: of the data set.
        seed: any integer.
        epoch: from 0.
    """

    samples: int
    seed: int
    epoch: int

    @property
    def name(self) -> str:
        """``global``."""
        return "global"

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sample numbers at these positions, int64 of the same shape.

        Raises:
            IndexError: a position outside 0..samples-1.
        """
        positions = _checked(positions, self.samples)
        return permute(positions, self.samples, stream_key(self.seed, self.epoch))


@dataclass(frozen=True, slots=True, eq=False)
class WindowOrder:
    """The shards in random order, and the samples shuffled within windows of K consecutive ones.

    At any time the samples of one window are asked for, of two where a batch crosses their border: a cache
    that holds two windows fetches every tar once per epoch.

    Args:
        firsts: (S + 1,) int64, number of each shard's first sample, and the samples of the data set.
        seed: any integer.
        epoch: from 0.
        window: K, shards per window.
    """

    firsts: NDArray[np.int64]
    seed: int
    epoch: int
    window: int

    @property
    def name(self) -> str:
        """``shards:K``."""
        return f"shards:{self.window}"

    def __len__(self) -> int:
        return int(self.firsts[-1])

    def __getitem__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sample numbers at these positions, int64 of the same shape.

        Raises:
            IndexError: a position outside the epoch.
        """
        positions = _checked(positions, len(self))
        shards, starts = _shuffled_shards(self.firsts.tobytes(), stream_key(self.seed, self.epoch))
        result = np.empty(positions.shape, np.int64)
        windows = (np.searchsorted(starts, positions, side="right") - 1) // self.window
        for window in np.unique(windows).tolist():
            inside = windows == window
            begin = int(starts[window * self.window])
            end = int(starts[min((window + 1) * self.window, len(shards))])
            key = stream_key(self.seed, self.epoch, window)
            places = begin + permute(positions[inside] - begin, end - begin, key)
            slot = np.searchsorted(starts, places, side="right") - 1
            result[inside] = self.firsts[shards[slot]] + places - starts[slot]
        return result


@lru_cache(maxsize=4)
def _shuffled_shards(firsts: bytes, key: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The shards in the epoch's order, and where in the epoch each would begin unshuffled.

    One more place stands behind them, the end.
    """
    numbers = np.frombuffer(firsts, np.int64)
    shards = permute(np.arange(len(numbers) - 1), len(numbers) - 1, key)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(numbers)[shards])])
    return shards, starts


def _checked(positions: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    positions = np.asarray(positions, np.int64)
    if positions.size and not (positions.min() >= 0 and positions.max() < samples):
        raise IndexError(f"positions {positions.min()}..{positions.max()} of an epoch of {samples} samples")
    return positions


def epoch_order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The whole order of an epoch as an array: (samples,) int64, the numbers of `GlobalOrder` one by one."""
    return GlobalOrder(samples, seed, epoch)[np.arange(samples)]
