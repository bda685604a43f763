"""One trial of a fully convolutional network: what its steps are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.index_png import VOID
from maskgen.trainers.datasets.segmentation.segmented import Segmented
from maskgen.trainers.distributed.ranks import all_sum
from maskgen.trainers.heads.resume import Keeper
from maskgen.trainers.pretrained.encoder import Encoder
from maskgen.trainers.probes.features import read_ahead

from ..tuning.loop import Loop, Outcome, Part, Training
from .crops import Cropper
from .network import Fcn, new_fcn
from .protocols import FcnProtocol, FcnTrial


class Batch(NamedTuple):
    """A pass.

    Args:
        photos: (b, 3, S, S) uint8.
        classes: (b, S, S) int64, `VOID` for what does not count.
        pixels: that count in the whole step, over all passes and ranks.
    """

    photos: Tensor
    classes: Tensor
    pixels: int


@dataclass(frozen=True, eq=False)
class Task:
    """What trials have in common.

    Args:
        encoder: the backbone, and how it is fed.
        protocol: all but the trial's own values.
        train: photos to learn from.
        stride: as of `new_fcn`.
        per_pass: crops that go through the network at once, on each rank.
        threads: that decode.
        seed: of crops, order and head.
        device: of the network.
        half: whether it runs in bf16.
        judge: of the network after the last epoch: what its record gets.
        say: told each epoch's record, on rank 0.
        stop: asked after each step.
    """

    encoder: Encoder
    protocol: FcnProtocol
    train: Segmented
    stride: int
    per_pass: int
    threads: int
    seed: int
    device: torch.device
    half: bool
    judge: Callable[[Fcn], dict[str, float]]
    say: Callable[[str], None]
    stop: StopSignals | None = None

    def new_model(self) -> Fcn:
        """The network before its first step."""
        return new_fcn(
            self.encoder.network,
            len(self.train.classes),
            dilation=self.protocol.dilation,
            seed=self.seed,
            device=self.device,
            stride=self.stride,
            per_pass=self.per_pass,
        )

    def cropper(self) -> Cropper:
        """What makes crops, padded with what becomes 0 in the network's input, nearly."""
        red, green, blue = (round(255 * part) for part in self.encoder.normalize.mean)
        return Cropper(self.protocol.crop, self.protocol.scales, (red, green, blue), self.seed)


def train_fcn(task: Task, trial: FcnTrial, keeper: Keeper) -> Outcome[Fcn]:
    """Train one network, on all ranks, from where the keeper says: see `Loop`.

    A step's loss is the mean cross-entropy of its pixels that count, over all passes and ranks.

    Args:
        task: on what.
        trial: at which rate, how long.
        keeper: of the state after each epoch, and at a signal.

    Raises:
        UsageError: there are fewer photos than ranks.
        Interrupted: a signal asked for it.
    """
    model, protocol = task.new_model(), task.protocol
    training = Training(
        model=model,
        optimizer=_optimizer(model, protocol, trial.lr),
        images=len(task.train),
        batch_size=protocol.batch_size,
        per_pass=task.per_pass,
        epochs=trial.epochs,
        steps=protocol.steps,
        factor=protocol.factor,
        seed=task.seed,
        inputs=lambda epoch, steps: make_batches(task, epoch, steps),
        loss=lambda model, batch, _part: batch_loss(task, model, batch),
        judge=lambda model, last: task.judge(model) if last else {},
        name=str(trial),
        say=task.say,
        stop=task.stop,
    )
    return Loop(training, keeper).run()


def _optimizer(model: Fcn, protocol: FcnProtocol, lr: float) -> torch.optim.Optimizer:
    groups = [{"params": list(model.parameters()), "peak": lr}]
    decay = protocol.weight_decay
    if protocol.optimizer == "adam":
        return torch.optim.Adam(groups, lr=lr, weight_decay=decay)
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, weight_decay=decay)


def make_batches(task: Task, epoch: int, steps: list[list[Part]]) -> Iterator[Batch]:
    """The passes of steps; those of the next are made while these are in use."""
    cropper = task.cropper()
    parts = [part for passes in steps for part in passes]
    made = read_ahead(parts, lambda number: cropper.crop(task.train, number, epoch), task.threads)
    for passes in steps:
        crops = [next(made) for _ in passes]
        own = sum(int(np.count_nonzero(crop.classes != VOID)) for part in crops for crop in part)
        pixels = int(all_sum(torch.tensor(own)))
        for part in crops:
            photos = torch.from_numpy(np.stack([crop.photo for crop in part])).permute(0, 3, 1, 2)
            classes = torch.from_numpy(np.stack([crop.classes for crop in part]).astype(np.int64))
            yield Batch(photos, classes, pixels)


def batch_loss(task: Task, model: Fcn, batch: Batch) -> Tensor:
    """The share of a pass in the mean cross-entropy of its step's pixels that count; 0 if there are none."""
    photos = task.encoder.normalize(batch.photos.to(task.device))
    with torch.autocast(task.device.type, torch.bfloat16, enabled=task.half):
        logits = model(photos)
    classes = batch.classes.to(task.device)
    total = functional.cross_entropy(logits.float(), classes, ignore_index=VOID, reduction="sum")
    return total / max(1, batch.pixels)
