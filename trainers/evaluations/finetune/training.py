"""One trial: the loop over steps, which ends bit for bit alike whether it was interrupted or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from maskgen.errors import UsageError
from maskgen.processes.signals import StopSignals, interrupted
from maskgen.trainers.datasets.images import Images
from maskgen.trainers.distributed.ranks import all_sum, any_rank, own_range, step_generator, world
from maskgen.trainers.heads.head import Head, accuracies
from maskgen.trainers.heads.resume import Keeper
from maskgen.trainers.probes.features import Extractor, make_inputs
from maskgen.trainers.probes.setup import ProbeSetup

from .model import Tuned, new_model, parameter_groups
from .protocols import Trial, TuningProtocol

_STREAM = 11
"""Of the order of the images, apart from other draws of the same seed."""
Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Task:
    """What trials have in common.

    Args:
        setup: the backbone, and how images are fed.
        protocol: all but the trial's own values.
        train: images to learn from.
        judge: images that each epoch is judged on.
        classes: C.
        say: told each epoch's record, on rank 0.
        stop: asked after each step.
    """

    setup: ProbeSetup
    protocol: TuningProtocol
    train: Images
    judge: Images
    classes: int
    say: Callable[[str], None]
    stop: StopSignals | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a trial.

    Args:
        model: in evaluation mode.
        records: of each epoch: ``epoch``, ``step``, ``loss``, ``top1``, ``top5`` and ``per_class``.
        lost: the step in which the loss became infinite or no number; 0: in none.
    """

    model: Tuned
    records: list[Record]
    lost: int = 0


def tune(task: Task, trial: Trial, keeper: Keeper) -> Outcome:
    """Train one network, on all ranks, from where the keeper says.

    A step's images are dealt to the ranks in equal parts and go through the network in passes of at most
    ``config.batch_size``; gradients are summed over passes and ranks, so that the step is that of one batch
    but for BatchNorm's statistics, which are a pass's. Crops are functions of (seed, epoch, image), the order
    of (seed, epoch): with the state after a step, all that follows is the same.

    Args:
        task: on what.
        trial: at which rates, how long.
        keeper: of the state after each epoch, and at a signal.

    Raises:
        UsageError: there are fewer images than ranks.
        Interrupted: a signal asked for it.
    """
    return _Run(task, trial, keeper).run()


class _Run:
    def __init__(self, task: Task, trial: Trial, keeper: Keeper) -> None:
        self.task, self.trial, self.keeper = task, trial, keeper
        size = min(task.protocol.batch_size, len(task.train)) // world() * world()
        if not size:
            raise UsageError(
                f"{len(task.train)} training images are fewer than ranks", remedy="use fewer processes"
            )
        self.size, self.per_epoch = size, len(task.train) // size
        steps = task.protocol.steps
        self.epochs = -(-steps // self.per_epoch) if steps else trial.epochs
        self.rate = task.protocol.factor(self.epochs, self.per_epoch)
        self.model = new_model(task.setup, task.classes)
        groups = parameter_groups(self.model, trial.lr, trial.head_lr, task.protocol.layer_decay)
        decay, nesterov = task.protocol.weight_decay, task.protocol.nesterov
        self.optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=decay, nesterov=nesterov)
        self.step, self.loss = 0, 0.0
        self.records: list[Record] = []

    def run(self) -> Outcome:
        self._restore()
        while self.step < self.epochs * self.per_epoch:
            self._train_epoch(self.step // self.per_epoch)
            if not isfinite(self.loss):
                return Outcome(self.model, self.records, self.step)
            self._end_epoch()
        return Outcome(self.model.eval(), self.records)

    def _restore(self) -> None:
        state = self.keeper.load()
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.loss, self.records = state["step"], state["loss"], state["records"]

    def _save(self) -> None:
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        self.keeper.save(self.step, {**state, "step": self.step, "loss": self.loss, "records": self.records})

    def _train_epoch(self, epoch: int) -> None:
        """The steps of an epoch that are not done yet."""
        setup, images = self.task.setup, self.task.train
        order = torch.randperm(
            len(images), generator=step_generator(epoch, _STREAM, seed=setup.config.seed)
        ).numpy()
        done = self.step % self.per_epoch
        starts = range(done * self.size, self.per_epoch * self.size, self.size)
        steps = [_passes(order[start : start + self.size], setup.config.batch_size) for start in starts]
        parts = [part for passes in steps for part in passes]
        made = make_inputs(images, parts, setup.transform(epoch), setup.config.threads)
        with _bounded(self.task.stop):
            self.model.train()
            for passes in steps:
                self._take_step(passes, made)
                if not isfinite(self.loss):
                    return
                self._heed_signals()

    def _take_step(self, passes: list[NDArray[np.int64]], made: Iterator[Tensor]) -> None:
        """One update from this rank's passes."""
        setup, device = self.task.setup, self.task.setup.config.device
        factor = self.rate.at(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.zero_grad(set_to_none=False)
        total = torch.zeros((), device=device)
        for part in passes:
            labels = torch.from_numpy(self.task.train.labels[part]).to(device)
            inputs = setup.encoder.normalize(next(made).to(device))
            half = setup.config.precision == "bf16"
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                logits = self.model(inputs)
            loss = functional.cross_entropy(logits.float(), labels, reduction="sum") / self.size
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        _sum_over_ranks(self.model)
        self.optimizer.step()
        self.loss += float(all_sum(total))
        self.step += 1

    def _heed_signals(self) -> None:
        """Keep the state and stop within an epoch; at its end the epoch is judged first."""
        inside = self.step % self.per_epoch > 0
        if inside and self.task.stop is not None and any_rank(bool(self.task.stop)):
            self._save()
            raise interrupted()

    def _end_epoch(self) -> None:
        """Judge the network, keep its state, say how it is."""
        epoch = self.step // self.per_epoch
        record = {
            "epoch": epoch,
            "step": self.step,
            "loss": self.loss / self.per_epoch,
            **judge(self.task, self.model),
        }
        self.records, self.loss = [*self.records, record], 0.0
        self._save()
        shown = "  ".join(f"{name} {value:.4f}" for name, value in record.items() if isinstance(value, float))
        self.task.say(f"{self.trial}  epoch {epoch}/{self.epochs}  {shown}")
        if self.task.stop is not None and any_rank(bool(self.task.stop)):
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


def _passes(batch: NDArray[np.int64], per_pass: int) -> list[NDArray[np.int64]]:
    """This rank's images of a step, in passes of nearly one size; as many on each rank."""
    own = batch[own_range(len(batch)).start : own_range(len(batch)).stop]
    return np.array_split(own, -(-len(own) // per_pass))


@torch.no_grad()
def _sum_over_ranks(model: Tuned) -> None:
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


def judge(task: Task, model: Tuned, images: Images | None = None) -> dict[str, float]:
    """Accuracies on center crops, by all ranks together.

    Args:
        task: whose.
        model: to be judged; it is in evaluation mode afterwards.
        images: to judge on; None: the task's.
    """
    setup, chosen = task.setup, task.judge if images is None else images
    config = setup.config
    model.eval()
    extractor = Extractor(
        model.backbone, config.device, config.batch_size, config.threads, setup.encoder.normalize
    )
    numbers, rows = extractor.part(chosen, setup.transform())
    labels = torch.from_numpy(chosen.labels[numbers]).to(config.device)
    rows = rows.reshape(len(numbers), setup.encoder.dim).to(config.device)
    return accuracies(Head(model.head), rows, labels)
