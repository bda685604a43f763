"""One trial: the loop over steps, which ends bit for bit alike whether it was interrupted or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskgen.errors import Interrupted, UsageError
from maskgen.processes.signals import StopSignals, interrupted
from maskgen.trainers.distributed.ranks import all_sum, any_rank, own_range, step_generator, world
from maskgen.trainers.heads.resume import Keeper

STREAM = 11
"""Of the order of the images, apart from other draws of the same seed."""
Record = dict[str, Any]
Part = NDArray[np.int64]
"""The numbers of images that go through the network together."""
M = TypeVar("M", bound=nn.Module)
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class Training(Generic[M, B]):
    """What is trained, and on what.

    Args:
        model: as it is before the first step, on the device.
        optimizer: over its parameters; each group's rate is its ``peak`` times `factor`.
        images: how many there are.
        batch_size: of them in each step, over all ranks.
        per_pass: at most so many of a step go through the network at once.
        epochs: passes over the images.
        steps: in place of epochs: as many of these as have so many steps, rounded up; 0: `epochs` count.
        factor: of epochs and steps an epoch, to the factor of the rates by step.
        seed: of the order.
        inputs: of an epoch's number and, for each step that is left of it, this rank's passes: what `loss`
            takes of each, one after the other.
        loss: of the model, such an input and the numbers of its images: their share of the loss of the step.
        judge: of the model after an epoch, and whether it was the last: what the epoch's record gets.
        name: of the trial.
        say: told each epoch's record, on rank 0.
        stop: asked after each step.
    """

    model: M
    optimizer: torch.optim.Optimizer
    images: int
    batch_size: int
    per_pass: int
    epochs: int
    steps: int
    factor: Callable[[int, int], Callable[[int], float]]
    seed: int
    inputs: Callable[[int, list[list[Part]]], Iterator[B]]
    loss: Callable[[M, B, Part], Tensor]
    judge: Callable[[M, bool], dict[str, float]]
    name: str
    say: Callable[[str], None]
    stop: StopSignals | None = None


@dataclass(frozen=True, eq=False)
class Outcome(Generic[M]):
    """What came of a trial.

    Args:
        model: in evaluation mode.
        records: of each epoch: ``epoch``, ``step``, ``loss`` and what the judge said.
        lost: the step in which the loss became infinite or no number; 0: in none.
    """

    model: M
    records: list[Record]
    lost: int = 0


class Loop(Generic[M, B]):
    """Trains one network, on all ranks, from where the keeper says.

    A step's images are dealt to the ranks in equal parts and go through the network in passes; gradients are
    summed over passes and ranks, so that the step is that of one batch but for BatchNorm's statistics, which
    are a pass's. What goes in is a function of (seed, epoch, image), the order of (seed, epoch): with the
    state after a step, all that follows is the same.

    Args:
        training: what is trained; its model is changed.
        keeper: of the state after each epoch, and at a signal.

    Raises:
        UsageError: there are fewer images than ranks.
    """

    def __init__(self, training: Training[M, B], keeper: Keeper) -> None:
        self.training, self._keeper = training, keeper
        size = min(training.batch_size, training.images) // world() * world()
        if not size:
            raise UsageError(
                f"{training.images} training images are fewer than ranks", remedy="use fewer processes"
            )
        self.size, self.per_epoch = size, training.images // size
        self.epochs = -(-training.steps // self.per_epoch) if training.steps else training.epochs
        self._factor = training.factor(self.epochs, self.per_epoch)
        self.step, self._loss = 0, 0.0
        self._records: list[Record] = []

    def run(self) -> Outcome[M]:
        """Take all steps that are not taken yet.

        Raises:
            Interrupted: a signal asked for it.
        """
        self._restore()
        while len(self._records) < self.epochs:
            if self.step == len(self._records) * self.per_epoch or self.step % self.per_epoch:
                self._train_epoch(self.step // self.per_epoch)
            if not isfinite(self._loss):
                return Outcome(self.training.model, self._records, self.step)
            self._end_epoch()
        return Outcome(self.training.model.eval(), self._records)

    def _restore(self) -> None:
        state = self._keeper.load()
        if state is not None:
            self.training.model.load_state_dict(state["model"])
            self.training.optimizer.load_state_dict(state["optimizer"])
            self.step, self._loss, self._records = state["step"], state["loss"], state["records"]

    def _save(self) -> None:
        training = self.training
        state = {"model": training.model.state_dict(), "optimizer": training.optimizer.state_dict()}
        more = {"step": self.step, "loss": self._loss, "records": self._records}
        self._keeper.save(self.step, {**state, **more})

    def _train_epoch(self, epoch: int) -> None:
        """The steps of an epoch that are not done yet."""
        generator = step_generator(epoch, STREAM, seed=self.training.seed)
        order = torch.randperm(self.training.images, generator=generator).numpy()
        done = self.step % self.per_epoch
        starts = range(done * self.size, self.per_epoch * self.size, self.size)
        steps = [_passes(order[start : start + self.size], self.training.per_pass) for start in starts]
        made = self.training.inputs(epoch, steps)
        with _bounded(self.training.stop):
            self.training.model.train()
            for passes in steps:
                self._take_step(passes, made)
                if not isfinite(self._loss):
                    return
                self._heed_signals()

    def _take_step(self, passes: list[Part], made: Iterator[B]) -> None:
        """One update from this rank's passes."""
        training = self.training
        factor = self._factor(self.step)
        for group in training.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        training.optimizer.zero_grad(set_to_none=False)
        total: Tensor | float = 0.0
        for part in passes:
            loss = training.loss(training.model, next(made), part)
            loss.backward()  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        _sum_over_ranks(training.model)
        training.optimizer.step()
        self._loss += float(all_sum(torch.as_tensor(total)))
        self.step += 1

    def _heed_signals(self) -> None:
        """Keep the state and stop within an epoch; at its end the epoch is judged first."""
        inside, stop = self.step % self.per_epoch > 0, self.training.stop
        if inside and stop is not None and any_rank(bool(stop)):
            self._save()
            raise interrupted()

    def _end_epoch(self) -> None:
        """Judge the network, keep its state, say how it is."""
        training, epoch = self.training, self.step // self.per_epoch
        try:
            judged = training.judge(training.model, epoch == self.epochs)
        except Interrupted:
            if world() == 1:  # several ranks may be at different places
                self._save()
            raise
        record = {"epoch": epoch, "step": self.step, "loss": self._loss / self.per_epoch, **judged}
        self._records, self._loss = [*self._records, record], 0.0
        self._save()
        shown = "  ".join(f"{name} {value:.4f}" for name, value in record.items() if isinstance(value, float))
        training.say(f"{training.name}  epoch {epoch}/{self.epochs}  {shown}")
        if training.stop is not None and any_rank(bool(training.stop)):
            raise interrupted()


class _bounded:  # noqa: N801 - used as a statement
    """A first signal inside is noted, and taken up at the end of a step; a second one ends at once."""

    def __init__(self, stop: StopSignals | None) -> None:
        self._stop, self._before = stop, 0.0

    def __enter__(self) -> None:
        if self._stop is not None:
            self._before, self._stop.patience = self._stop.patience, max(1, self._stop.patience)

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._stop.patience = self._before


def _passes(batch: Part, per_pass: int) -> list[Part]:
    """This rank's images of a step, in passes of nearly one size; as many on each rank."""
    own = batch[own_range(len(batch)).start : own_range(len(batch)).stop]
    return np.array_split(own, -(-len(own) // per_pass))


@torch.no_grad()
def _sum_over_ranks(model: nn.Module) -> None:
    """Sum gradients; take the mean of BatchNorm's running statistics, which the ranks then share."""
    if world() == 1:
        return
    grads = [one.grad for one in model.parameters() if one.grad is not None]
    means = [one for one in model.buffers() if one.is_floating_point()]
    for tensors, count in ((grads, 1), (means, world())):
        if tensors:
            whole = all_sum(torch.cat([one.flatten() for one in tensors])) / count
            sizes = [one.numel() for one in tensors]
            for one, part in zip(tensors, torch.split(whole, sizes), strict=True):
                one.copy_(part.view_as(one))
