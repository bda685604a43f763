"""How the papers fine-tune fully convolutional networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

_POWER = 0.9


@dataclass(frozen=True, kw_only=True)
class FcnProtocol:
    """How a paper trains the network of `Fcn`, on crops of photos scaled at random and flipped.

    Args:
        source: where the values come from.
        lrs: learning rates; of several the best is kept.
        epochs: passes over the training photos; of several the best is kept.
        steps: in place of epochs: as many of these as have so many steps, rounded up; 0: `epochs` count.
        batch_size: crops per step.
        optimizer: ``sgd`` with momentum 0.9, or ``adam``.
        schedule: ``steps``, or ``poly``, (1 - t)^0.9 with t from 0 to 1 over the training.
        milestones: parts of the training after which ``steps`` falls to a tenth.
        weight_decay: of all weights.
        crop: side of the crops, px.
        scales: photos are scaled by a factor drawn evenly between these.
        dilation: of the head's 3 x 3 convolutions.
        held_out: share of the training photos that the best trial is chosen on, if there are several.
        ours: fields that the source leaves open.
    """

    source: str
    lrs: tuple[float, ...] = (0.003,)
    epochs: tuple[int, ...] = (45,)
    steps: int = 0
    batch_size: int = 16
    optimizer: str = "sgd"
    schedule: str = "steps"
    milestones: tuple[float, ...] = (0.7, 0.9)
    weight_decay: float = 1e-4
    crop: int = 513
    scales: tuple[float, float] = (0.5, 2.0)
    dilation: int = 6
    held_out: float = 0.1
    ours: tuple[str, ...] = ()

    def factor(self, epochs: int, per_epoch: int) -> Callable[[int], float]:
        """What the rates are multiplied with, by step, from 0."""
        total = epochs * per_epoch
        if self.schedule == "poly":
            return lambda step: float((1 - step / total) ** _POWER)
        falls = [round(milestone * total) for milestone in self.milestones]
        return lambda step: float(0.1 ** sum(step >= fall for fall in falls))

    def trials(self) -> list[FcnTrial]:
        """All that is tried: each rate with each number of epochs."""
        return [FcnTrial(*both) for both in product(self.lrs, (0,) if self.steps else self.epochs)]


@dataclass(frozen=True)
class FcnTrial:
    """One training.

    Args:
        lr: its learning rate.
        epochs: passes; 0: as many as the protocol's `steps` need.
    """

    lr: float
    epochs: int

    def __str__(self) -> str:
        return f"lr {self.lr:g}" + (f" epochs {self.epochs}" if self.epochs else "")


_RELICV2 = ("lrs", "milestones", "batch_size", "weight_decay", "crop", "scales", "dilation")
_REVISITING = "Van Gansbeke et al. 2021, https://arxiv.org/abs/2106.05967, appendix A.3"
_MOCO = "He et al. 2020, https://arxiv.org/abs/1911.05722, A.5"
PROTOCOLS: dict[str, FcnProtocol] = {
    "revisiting": FcnProtocol(source=f"{_REVISITING}: PASCAL VOC", milestones=(30 / 45, 40 / 45)),
    "revisiting-cityscapes": FcnProtocol(
        source=f"{_REVISITING}: Cityscapes",
        lrs=(1e-4,),
        epochs=(150,),
        optimizer="adam",
        schedule="poly",
        crop=768,
        dilation=1,
    ),
    "moco": FcnProtocol(source=f"{_MOCO}: PASCAL VOC", steps=30_000),
    "moco-cityscapes": FcnProtocol(source=f"{_MOCO}: Cityscapes", steps=90_000, lrs=(0.01,), crop=769),
    "byol": FcnProtocol(
        source="Grill et al. 2020, https://arxiv.org/abs/2006.07733, D.4",
        steps=30_000,
        lrs=(0.001, 0.0031623, 0.01, 0.031623, 0.1),
        held_out=0.2,  # 2,119 of 10,582 photos
    ),
    "relicv2": FcnProtocol(
        source="Tomasev et al. 2022, https://arxiv.org/abs/2201.05119, D.4: PASCAL, the rest as MoCo",
        ours=_RELICV2,
    ),
    "relicv2-cityscapes": FcnProtocol(
        source="Tomasev et al. 2022, https://arxiv.org/abs/2201.05119, D.4: Cityscapes, the rest as MoCo",
        epochs=(160,),
        lrs=(0.01,),
        crop=769,
        ours=_RELICV2,
    ),
}


def find_fcn_protocol(name: str, **changes: Any) -> FcnProtocol:
    """A protocol by name, with values in the place of its own where they are neither None nor empty.

    Raises:
        UsageError: there is no such protocol.

    Example:
        >>> from maskgen.trainers.evaluations.fcn.protocols import find_fcn_protocol
        >>> rate = find_fcn_protocol("revisiting", epochs=(9,)).factor(9, 10)
        >>> [round(rate(step), 3) for step in (0, 59, 60, 80)]
        [1.0, 1.0, 0.1, 0.01]
    """
    if name == "msr":
        raise UsageError(
            "MSR publishes no fine-tuning of a fully convolutional network",
            cause="its transfer is Mask R-CNN in Detectron2 (section 4.2)",
            remedy="train-ssl export --format detectron2 for that, or another --protocol here",
        )
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}", remedy=nearest(name, list(PROTOCOLS)))
    given = {field: value for field, value in changes.items() if value not in (None, ())}
    if "epochs" in given:
        given["steps"] = 0
    return dataclasses.replace(PROTOCOLS[name], **given)
