"""How the papers train their linear classifiers.

Sources with an appendix: SimCLR, Chen et al. 2020, https://arxiv.org/abs/2002.05709; BYOL, Grill et al. 2020,
https://arxiv.org/abs/2006.07733, and its code, https://github.com/google-deepmind/deepmind-research, which
RELICv2's (https://github.com/google-deepmind/relicv2) is taken from; Van Gansbeke et al. 2021,
https://arxiv.org/abs/2106.05967; Ryali et al. 2021, https://arxiv.org/abs/2103.12719.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from ..optim.schedules import LearningRate


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a paper trains its linear classifier: SGD on random crops, a sweep of it, or L-BFGS.

    Args:
        source: where the values come from.
        epochs: passes over the training images; 0 for ``lbfgs`` and ``sweep``.
        solver: ``sgd``; or ``lbfgs`` on center crops, see `maskgen.trainers.heads.lbfgs`: it reads nothing
            but `share` and `interpolation`; or ``sweep``: SGD on center crops with the settings of
            `maskgen.trainers.heads.sweep`.
        batch_size: images per step.
        lr: learning rate; for a batch of 256 where `scaled`.
        scaled: times batch_size / 256.
        warmup_epochs: of linear warm-up.
        schedule: ``steps`` or a cosine, see `LearningRate`.
        milestones: epochs at which ``steps`` falls to a tenth.
        weight_decay: of weights and biases.
        momentum: of SGD.
        nesterov: Nesterov momentum.
        standardise: features of length 1, then less the mean and over the deviation of the training set's.
        share: of the short side that the center crop keeps; 0: as `ProbeConfig`.
        interpolation: of the center crop; empty: as `ProbeConfig`.
        ours: fields that the paper and its code leave open.
    """

    source: str
    epochs: int = 0
    solver: str = "sgd"
    batch_size: int = 256
    lr: float = 0.0
    scaled: bool = False
    warmup_epochs: float = 0.0
    schedule: str = "cosine step"
    milestones: tuple[int, ...] = ()
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    standardise: bool = False
    share: float = 0.0
    interpolation: str = ""
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
    "revisiting": Protocol(
        source="Van Gansbeke et al., A.2: ImageNet and Places",
        epochs=100,
        lr=30,
        schedule="steps",
        milestones=(60, 80),
        weight_decay=1e-4,
    ),
    "ryali-moco": Protocol(
        source="Ryali et al., appendix A: MoCo v2",
        epochs=120,
        batch_size=2048,
        lr=30,
        scaled=True,
        warmup_epochs=10,
        schedule="steps",
        milestones=(60, 80, 100),
        ours=("scaled",),
    ),
    "ryali-byol": Protocol(
        source="Ryali et al., appendix A: BYOL; Nesterov as BYOL, C.1",
        epochs=140,
        batch_size=1024,
        lr=0.2,
        scaled=True,
        nesterov=True,
        schedule="steps",
        milestones=(80, 100, 120),
        ours=("weight_decay",),
    ),
    "ryali-swav": Protocol(
        source="Ryali et al., appendix A: SwAV",
        epochs=100,
        batch_size=2048,
        lr=0.3,
        scaled=True,
        warmup_epochs=5,
        weight_decay=1e-6,
    ),
    "swav": Protocol(
        source="SwAV's code", epochs=100, lr=0.3, scaled=True, schedule="cosine epoch", weight_decay=1e-6
    ),
    "byol": Protocol(
        source="BYOL, C.1, which tries rates of 0.4, 0.3, 0.2, 0.1, 0.05; its code has 0.2",
        epochs=80,
        batch_size=1024,
        lr=0.2,
        scaled=True,
        nesterov=True,
        interpolation="bicubic",
    ),
    "relicv2": Protocol(
        source="RELICv2's code",
        epochs=100,
        batch_size=1024,
        lr=0.3,
        scaled=True,
        nesterov=True,
        interpolation="bicubic",
    ),
    "cifar": Protocol(
        source="Ryali et al., appendix A: CIFAR", epochs=100, batch_size=32, lr=0.08, scaled=True
    ),
    "places": Protocol(
        source="Ryali et al., appendix A: Places",
        epochs=28,
        lr=1.0,
        scaled=True,
        schedule="steps",
        milestones=(7, 14, 21),
        weight_decay=1e-4,
    ),
    "msr-small": Protocol(
        source="MSR: CIFAR, STL, Tiny ImageNet", epochs=100, lr=30, schedule="steps", milestones=(60, 80)
    ),
    "msr-large": Protocol(
        source="MSR's code: ImageNet-100 and -1k",
        epochs=40,
        lr=0.01,
        schedule="steps",
        milestones=(15, 30, 40),
        weight_decay=1e-4,
        standardise=True,
    ),
    "kornblith": Protocol(
        source="Kornblith et al. 2019; SimCLR, B.8.1; BYOL, D.2: transfer",
        solver="lbfgs",
        share=1.0,
        interpolation="bicubic",
    ),
    "relicv2-transfer": Protocol(
        source="RELICv2, D.3 and the appendix on JFT-300M: transfer",
        solver="sweep",
        share=1.0,
        interpolation="bicubic",
        ours=("share", "interpolation"),
    ),
}


def find_protocol(name: str, **changes: float | None) -> Protocol:
    """A protocol by name, with values in the place of its own where they are not None.

    With other epochs, milestones and warm-up move along.

    Raises:
        UsageError: there is no such protocol, or it has no such value.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}", remedy=nearest(name, list(PROTOCOLS)))
    found = PROTOCOLS[name]
    given: dict[str, Any] = {field: value for field, value in changes.items() if value is not None}
    if given and found.solver != "sgd":
        kind = "L-BFGS over 45 penalties, not SGD" if found.solver == "lbfgs" else "a sweep over them"
        raise UsageError(
            f"{name} has no {', '.join(given)}",
            cause=f"it is {kind}",
            remedy="leave these options out, or take another --protocol",
        )
    if "epochs" in given:
        share = given["epochs"] / found.epochs
        moved = tuple(round(milestone * share) for milestone in found.milestones)
        found = dataclasses.replace(found, milestones=moved, warmup_epochs=found.warmup_epochs * share)
    return dataclasses.replace(found, **given)
