"""Linear classifiers on frozen features, several learning rates at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.config.suggest import nearest
from maskgen.errors import MaskgenError, UsageError

from ..optim.optimizers import set_rate
from ..optim.schedules import LearningRate

Pass = Callable[[int], Tensor]
Report = Callable[[int, dict[float, float]], None]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a paper trains its linear classifier: SGD with momentum 0.9 on random crops and flips.

    Args:
        source: where the values come from.
        epochs: passes over the training images.
        batch_size: images per step.
        lr: learning rate; for a batch of 256 where `scaled`.
        scaled: times batch_size / 256.
        warmup_epochs: of linear warm-up.
        schedule: ``steps`` or a cosine, see `LearningRate`.
        milestones: epochs at which ``steps`` falls to a tenth.
        weight_decay: of weights and biases.
        nesterov: Nesterov momentum.
        standardise: features of length 1, then less the mean and over the deviation of the training set's.
        ours: fields that the paper and its code leave open.
    """

    source: str
    epochs: int
    batch_size: int = 256
    lr: float
    scaled: bool = False
    warmup_epochs: float = 0.0
    schedule: str = "cosine step"
    milestones: tuple[int, ...] = ()
    weight_decay: float = 0.0
    nesterov: bool = False
    standardise: bool = False
    ours: tuple[str, ...] = ()

    def rate(self, lr: float, steps_per_epoch: int) -> LearningRate:
        """The learning rate of a head by step."""
        return LearningRate(
            peak=lr * (self.batch_size / 256 if self.scaled else 1.0),
            epochs=self.epochs,
            steps_per_epoch=steps_per_epoch,
            kind=self.schedule,
            warmup_epochs=self.warmup_epochs,
            milestones=self.milestones,
        )


PROTOCOLS: dict[str, Protocol] = {
    "moco": Protocol(
        source="MoCo's and CAST's code", epochs=100, lr=30, schedule="steps", milestones=(60, 80)
    ),
    "ryali-moco": Protocol(
        source="Ryali et al., appendix A: MoCo v2", epochs=120, batch_size=2048, lr=30, scaled=True, warmup_epochs=10,
        schedule="steps", milestones=(60, 80, 100), ours=("scaled",),
    ),
    "ryali-byol": Protocol(
        source="Ryali et al., appendix A: BYOL", epochs=140, batch_size=1024, lr=0.2, scaled=True, schedule="steps",
        milestones=(80, 100, 120), ours=("weight_decay",),
    ),
    "ryali-swav": Protocol(
        source="Ryali et al., appendix A: SwAV", epochs=100, batch_size=2048, lr=0.3, scaled=True, warmup_epochs=5,
        weight_decay=1e-6,
    ),
    "swav": Protocol(source="SwAV's code", epochs=100, lr=0.3, scaled=True, schedule="cosine epoch", weight_decay=1e-6),
    "byol": Protocol(source="BYOL, appendix C.1, and its code", epochs=80, batch_size=1024, lr=0.2, scaled=True, nesterov=True),
    "relicv2": Protocol(
        source="RELICv2's code", epochs=100, batch_size=1024, lr=0.3, scaled=True, nesterov=True
    ),
    "cifar": Protocol(source="Ryali et al., appendix A: CIFAR", epochs=100, batch_size=32, lr=0.08, scaled=True),
    "places": Protocol(
        source="Ryali et al., appendix A: Places", epochs=28, lr=1.0, scaled=True, schedule="steps",
        milestones=(7, 14, 21), weight_decay=1e-4,
    ),
    "msr-small": Protocol(
        source="MSR: CIFAR, STL, Tiny ImageNet", epochs=100, lr=30, schedule="steps", milestones=(60, 80)
    ),
    "msr-large": Protocol(
        source="MSR's code: ImageNet-100 and -1k", epochs=40, lr=0.01, schedule="steps", milestones=(15, 30, 40),
        weight_decay=1e-4, standardise=True,
    ),
}  # fmt: skip


def find_protocol(name: str, **changes: int | None) -> Protocol:
    """A protocol by name, with values in the place of its own where they are not None.

    With other epochs, milestones and warm-up move along.

    Raises:
        UsageError: there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}", remedy=nearest(name, list(PROTOCOLS)))
    found = PROTOCOLS[name]
    given = {field: value for field, value in changes.items() if value is not None}
    if "epochs" in given:
        share = given["epochs"] / found.epochs
        moved = tuple(round(milestone * share) for milestone in found.milestones)
        found = dataclasses.replace(found, milestones=moved, warmup_epochs=found.warmup_epochs * share)
    return dataclasses.replace(found, **given)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Makes features comparable to what a head was trained on.

    Args:
        mean: (D,) of the training features at length 1; None: features stay as they are.
        deviation: (D,) likewise.
    """

    mean: Tensor | None = None
    deviation: Tensor | None = None

    @classmethod
    def fit(cls, features: Tensor) -> Standardizer:
        """From (N, D) training features."""
        rows = functional.normalize(features.float(), dim=1)
        return cls(rows.mean(0), rows.std(0).clamp_min(1e-6))

    def __call__(self, features: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        if self.mean is None or self.deviation is None:
            return features
        return (functional.normalize(features, dim=1) - self.mean) / self.deviation


def train_heads(
    passes: Pass,
    labels: Tensor,
    protocol: Protocol,
    *,
    lrs: Sequence[float],
    classes: int,
    seed: int = 0,
    report: Report | None = None,
) -> tuple[dict[float, nn.Linear], Standardizer]:
    """One linear classifier per learning rate, all on the same batches.

    Weights begin at N(0, 0.01^2), biases at 0 (MoCo's code).

    Args:
        passes: gives the (N, D) features of an epoch on the device to train on.
        labels: (N,) int64 on that device.
        protocol: the protocol; its `lr` is replaced by `lrs`.
        lrs: learning rates, scaled as the protocol's.
        classes: C.
        seed: of weights and order.
        report: told each epoch's number and mean losses by learning rate.

    Returns:
        The heads by learning rate, without those whose loss became infinite or no number; and how features must be
        prepared for them.

    Raises:
        MaskgenError: no learning rate had finite losses to the end.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    features = passes(0)
    size = min(protocol.batch_size, len(labels))
    per_epoch = len(labels) // size
    standard = Standardizer.fit(features) if protocol.standardise else Standardizer()
    heads = {lr: _new_head(features, classes, seed) for lr in lrs}
    rates = {lr: protocol.rate(lr, per_epoch) for lr in lrs}
    optimizers = {
        lr: torch.optim.SGD(
            head.parameters(),
            lr=lr,
            momentum=0.9,
            weight_decay=protocol.weight_decay,
            nesterov=protocol.nesterov,
        )
        for lr, head in heads.items()
    }
    for epoch in range(protocol.epochs):
        features = passes(epoch)
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        losses = dict.fromkeys(heads, 0.0)
        for number in range(per_epoch):
            rows = order[number * size : (number + 1) * size]
            batch, truth = standard(features[rows].float()), labels[rows]
            for lr, head in heads.items():
                set_rate(optimizers[lr], rates[lr].at(epoch * per_epoch + number), rates[lr].peak)
                loss = functional.cross_entropy(head(batch), truth)
                optimizers[lr].zero_grad()
                torch.autograd.backward(loss)
                optimizers[lr].step()
                losses[lr] += float(loss.detach()) / per_epoch
        if report is not None:
            report(epoch, losses)
        for lr, head in list(heads.items()):
            if not (isfinite(losses[lr]) and head.weight.isfinite().all()):
                del heads[lr]
        if not heads:
            raise MaskgenError(
                f"the loss of the linear classifier became infinite or no number in epoch {epoch + 1}",
                cause="the learning rate is too high for these features",
                remedy="a lower --lr, or several: --lr 0.01,0.1,1",
            )
    return heads, standard


def _new_head(features: Tensor, classes: int, seed: int) -> nn.Linear:
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(features.shape[1], classes)
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * 0.01)
        head.bias.zero_()
    return head.to(features.device)


@torch.no_grad()
def top_k(head: nn.Linear, standard: Standardizer, features: Tensor, labels: Tensor) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in [0, 1] on (M, D) features; top-5 of fewer classes is of all."""
    right = torch.zeros(2, dtype=torch.float64)
    for rows, truth in zip(torch.split(features, 4096), torch.split(labels, 4096), strict=True):
        best = head(standard(rows.float())).topk(min(5, head.out_features), dim=1).indices
        hits = best == truth[:, None]
        right += torch.stack([hits[:, 0].sum(), hits.any(1).sum()]).cpu()
    first, fifth = (right / len(labels)).tolist()
    return first, fifth
