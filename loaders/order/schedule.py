"""The order of an epoch, and which rank gets which part of it: pure functions of (seed, epoch, position)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import UsageError

from .permutation import permute, stream_key

LASTS = ("drop", "pad", "partial")
_STATE_VERSION = 1


class Order(Protocol):
    """A permutation of the sample numbers that is computed where it is asked for, never stored as a whole."""

    @property
    def name(self) -> str:
        """How it was made, for `LoaderState`: ``global`` or ``shards:K``."""

    def __len__(self) -> int:
        """Samples of the epoch."""

    def __getitem__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sample numbers at these positions of the epoch, int64 of the same shape."""


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

    At any time the samples of one window are asked for, of two where a batch crosses their border: a cache that
    holds two windows fetches every tar once per epoch.

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
    """The shards in the epoch's order, and where in the epoch each of them would begin unshuffled, and the end."""
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


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which samples each rank gets at each step: rank r takes the r-th part of every global batch.

    Global batch g is ``order[g * B * W : (g + 1) * B * W]`` for B images on each of W ranks, so the same global batch
    size gives the same global batches on any number of ranks, and all ranks make the same number of steps.

    Args:
        samples: of the data set.
        batch_size: B, images per rank and step.
        rank: 0..world-1.
        world: W, ranks.
        last: what becomes of the samples that fill no global batch: ``drop`` leaves them out of this epoch, ``pad``
            fills up from the epoch's beginning, ``partial`` deals them out evenly (some ranks get one sample
            more than others, and none at all when there are fewer samples than ranks).

    Raises:
        UsageError: a value out of range, or not one full global batch with ``drop``.
    """

    samples: int
    batch_size: int
    rank: int = 0
    world: int = 1
    last: str = "drop"

    def __post_init__(self) -> None:
        if self.batch_size < 1 or not 0 <= self.rank < self.world or self.last not in LASTS:
            raise UsageError(
                f"Schedule(batch_size={self.batch_size}, rank={self.rank}, world={self.world}, "
                f"last={self.last!r}) is out of range",
                remedy=f"batch_size from 1, rank in 0..world-1, last one of {', '.join(LASTS)}",
            )
        if not self.steps:
            raise UsageError(
                f"{self.samples} samples make no global batch of {self.batch_size} images x {self.world} ranks",
                remedy="fewer ranks",
                arguments=[("batch_size", "<smaller>"), ("last", "pad"), ("last", "partial")],
            )

    @property
    def global_batch(self) -> int:
        """Images of all ranks per step."""
        return self.batch_size * self.world

    @property
    def steps(self) -> int:
        """Steps per epoch, the same on every rank and in every epoch."""
        whole, rest = divmod(self.samples, self.global_batch)
        return whole + (1 if rest and self.last != "drop" else 0)

    def positions(self, step: int) -> NDArray[np.int64]:
        """Where in the epoch this rank's samples of a step stand: (B,) int64, fewer in a partial last batch.

        Raises:
            IndexError: no such step.
        """
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of {self.steps}")
        begin = step * self.global_batch
        rest = self.samples - begin
        if rest >= self.global_batch or self.last == "pad":
            begin += self.rank * self.batch_size
            return np.arange(begin, begin + self.batch_size) % self.samples
        return np.arange(begin + self.rank * rest // self.world, begin + (self.rank + 1) * rest // self.world)

    def batch(self, order: Order | NDArray[Any], step: int) -> NDArray[np.int64]:
        """This rank's sample numbers of a step: (B,) int64, fewer in a partial last batch.

        Args:
            order: of the epoch: `GlobalOrder`, `WindowOrder`, or an array.
            step: 0..steps-1.

        Raises:
            IndexError: no such step.
        """
        return np.asarray(order[self.positions(step)], np.int64)

    def step_after(self, samples_done: int) -> int:
        """The step that follows when all ranks together have had `samples_done` samples of the epoch.

        Raises:
            UsageError: that is not at a border of two global batches of this size.
        """
        if samples_done >= self.samples or samples_done == self.steps * self.global_batch:
            return self.steps
        step, rest = divmod(samples_done, self.global_batch)
        if rest or step > self.steps:
            raise UsageError(
                f"the saved epoch stopped after {samples_done} samples, which is no multiple of the global batch of "
                f"{self.batch_size} images x {self.world} ranks",
                cause="another global batch size than when it was saved",
                remedy="choose batch size and ranks so that their product is the old one or divides it",
            )
        return step

    def samples_after(self, step: int) -> int:
        """Samples that all ranks together have had before `step`: what `LoaderState` keeps."""
        return min(step * self.global_batch, self.samples)


@dataclass(frozen=True, slots=True)
class LoaderState:
    """Where an epoch stands; with it the same batches follow, on any number of ranks.

    Args:
        seed: of the order and the views.
        epoch: from 0.
        samples_done: samples of this epoch that all ranks together have had.
        dataset: fingerprint of the data set, see `Dataset.fingerprint`.
        order: `Order.name`.
    """

    seed: int
    epoch: int
    samples_done: int
    dataset: str
    order: str = "global"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON or a checkpoint."""
        return {
            "version": _STATE_VERSION,
            "seed": self.seed,
            "epoch": self.epoch,
            "samples_done": self.samples_done,
            "dataset": self.dataset,
            "order": self.order,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> LoaderState:
        """The inverse of `to_dict`.

        Raises:
            UsageError: not such a state.
        """
        kinds = {"version": int, "seed": int, "epoch": int, "samples_done": int, "dataset": str, "order": str}
        sound = isinstance(state, dict) and {name: type(value) for name, value in state.items()} == kinds
        if not sound or state["version"] != _STATE_VERSION or min(state["epoch"], state["samples_done"]) < 0:
            raise UsageError(
                "this is no state of a loader", where=repr(state)[:200], remedy="save it with state_dict()"
            )
        return cls(**{name: value for name, value in state.items() if name != "version"})

    def check(self, dataset: str, order: str) -> None:
        """Refuse to go on with another data set, or another order of it.

        Raises:
            UsageError: the fingerprint or the order differ.
        """
        if (self.dataset, self.order) != (dataset, order):
            raise UsageError(
                "the saved state belongs to another data set"
                if self.dataset != dataset
                else f"the saved state has the order {self.order!r}, the data set was opened with {order!r}",
                where=f"{self.dataset[:12]} saved, {dataset[:12]} opened",
                remedy="open what it was saved with, or begin a new epoch",
            )
