"""Which rank gets which part of an epoch at which step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.config.counted import counted
from maskgen.errors import UsageError

from .shuffle import Order

LASTS = ("drop", "pad", "partial")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which samples each rank gets at each step: rank r takes the r-th part of every global batch.

    Global batch g is ``order[g * B * W : (g + 1) * B * W]`` for B images on each of W ranks, so the same
    global batch size gives the same global batches on any number of ranks, and all ranks make the same number
    of steps.

    Args:
        samples: of the data set.
        batch_size: B, images per rank and step.
        rank: 0..world-1.
        world: W, ranks.
        last: what becomes of the samples that fill no global batch: ``drop`` leaves them out of this epoch,
            ``pad`` fills up from the epoch's beginning, ``partial`` deals them out evenly (some ranks get one
            sample more than others, and none at all when there are fewer samples than ranks).

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
                f"{counted(self.samples, 'sample makes', 'samples make')} no global batch of "
                f"{counted(self.batch_size, 'image')} x {counted(self.world, 'rank')}",
                remedy="fewer ranks",
                arguments=[("batch_size", self._largest), ("last", "pad"), ("last", "partial")],
            )

    @property
    def _largest(self) -> int | str:
        return self.samples if self.world == 1 and self.samples else "<smaller>"

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
                f"the saved epoch stopped after {samples_done} samples, which is no multiple of the global "
                "batch of "
                f"{self.batch_size} images x {self.world} ranks",
                cause="another global batch size than when it was saved",
                remedy="choose batch size and ranks so that their product is the old one or divides it",
            )
        return step

    def samples_after(self, step: int) -> int:
        """Samples that all ranks together have had before `step`: what `LoaderState` keeps."""
        return min(step * self.global_batch, self.samples)
