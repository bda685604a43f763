"""How the papers fine-tune classifiers.

Sources: SwAV, https://arxiv.org/abs/2006.09882, by its code; Ryali et al. 2021,
https://arxiv.org/abs/2103.12719, A.1.4; SimCLR, Chen et al. 2020, https://arxiv.org/abs/2002.05709, B.5 and
B.8.1; BYOL, Grill et al. 2020, https://arxiv.org/abs/2006.07733, C.1 and D.3; RELICv2, Tomasev et al. 2022,
https://arxiv.org/abs/2201.05119, D.2. SimCLR and BYOL print no schedule: their codes decay by a cosine,
without a warm-up. Open stays whether RELICv2's rates are for 256 images: they are taken as printed.

Deviations: SimCLR and BYOL transfer with BatchNorm's running statistics moved by less than a tenth where an
epoch has more than 100 steps; here by a tenth, always. Their grids of weight decay (seven values from 1e-6 to
1e-3 and none, each over the rate) are not tried: one value at a time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.trainers.optim.schedules import LearningRate


@dataclass(frozen=True, kw_only=True)
class TuningProtocol:
    """How a paper trains the whole network: SGD with momentum 0.9 on random crops and flips.

    BatchNorm is in training mode and its statistics are those of the images that pass together, but for a
    backbone that is not trained.

    Args:
        source: where the values come from.
        lrs: learning rates of the backbone; of several the best is kept. With 0 the backbone stays as it is,
            BatchNorm's statistics too, and the classifier alone is trained.
        head_lrs: of the classifier, likewise, each with each; none: the backbone's.
        epochs: passes over the training images, likewise.
        steps: in place of epochs: as many of these as have so many steps, rounded up; 0: `epochs` count.
        batch_size: images per step.
        schedule: ``steps`` or a cosine, see `LearningRate`.
        warmup_epochs: of linear warm-up, of the first of `epochs`.
        milestones: epochs at which ``steps`` falls, of the first of `epochs`.
        decay: by this factor.
        weight_decay: of all weights.
        nesterov: Nesterov momentum.
        layer_decay: see `parameter_groups`.
        interpolation: of the test's center crop; empty: as `ProbeConfig`.
        refit: train the best once more, also on the images that chose it.
        ours: fields that the source leaves open.
    """

    source: str
    lrs: tuple[float, ...]
    head_lrs: tuple[float, ...] = ()
    epochs: tuple[int, ...] = (20,)
    steps: int = 0
    batch_size: int = 256
    schedule: str = "cosine step"
    warmup_epochs: float = 0.0
    milestones: tuple[int, ...] = ()
    decay: float = 0.2
    weight_decay: float = 0.0
    nesterov: bool = True
    layer_decay: float = 1.0
    interpolation: str = ""
    refit: bool = False
    ours: tuple[str, ...] = ()

    def trials(self) -> list[Trial]:
        """All that is tried: each rate with each rate of the classifier and each number of epochs."""
        rates = [(lr, head) for lr in self.lrs for head in self.head_lrs or (lr,)]
        lengths = (0,) if self.steps else self.epochs
        return [Trial(lr, head, epochs) for (lr, head), epochs in product(rates, lengths)]

    def factor(self, epochs: int, steps_per_epoch: int) -> LearningRate:
        """What the rates are multiplied with, by step."""
        moved = tuple(round(milestone * epochs / self.epochs[0]) for milestone in self.milestones)
        return LearningRate(
            peak=1.0,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            kind=self.schedule,
            warmup_epochs=self.warmup_epochs * epochs / self.epochs[0],
            milestones=moved,
            decay=self.decay,
        )


@dataclass(frozen=True)
class Trial:
    """One training.

    Args:
        lr: of the backbone; 0: it stays as it is.
        head_lr: of the classifier.
        epochs: passes; 0: as many as the protocol's `steps` need.
    """

    lr: float
    head_lr: float
    epochs: int

    def __str__(self) -> str:
        return f"lr {self.lr:g} head {self.head_lr:g}" + (f" epochs {self.epochs}" if self.epochs else "")


_SWAV: dict[str, Any] = {
    "source": "SwAV's code, eval_semisup.py; Ryali et al., A.1.4",
    "schedule": "steps",
    "milestones": (12, 16),
    "nesterov": False,
}
_RELICV2: dict[str, Any] = {
    "source": "RELICv2, D.2",
    "schedule": "steps",
    "milestones": (12, 16),
    "interpolation": "bicubic",
}
_SIMCLR: dict[str, Any] = {"source": "SimCLR, B.5: 0.05 * batch / 256", "batch_size": 4096}
_BYOL = (0.01, 0.02, 0.05, 0.1, 0.005)
"""For 256 images: the paper prints them bare, its code multiplies any rate by batch / 256."""
# "The same settings as in linear evaluation": its rates (MoCo's 30 for 256 images) suit a classifier on a
# backbone that stays as it is. The paper does not say so; `--lr` trains the backbone too.
_RYALI: dict[str, Any] = {
    "source": "Ryali et al., A.1.4: as linear evaluation, A.1.2, with the backbone as it is",
    "lrs": (0.0,),
    "schedule": "steps",
    "decay": 0.1,
}
PROTOCOLS: dict[str, TuningProtocol] = {
    "ryali-moco": TuningProtocol(
        head_lrs=(240.0,),  # 30 * 2048 / 256
        epochs=(120,),
        batch_size=2048,
        warmup_epochs=10,
        milestones=(60, 80, 100),
        nesterov=False,
        ours=("lrs", "head_lrs"),
        **_RYALI,
    ),
    "ryali-byol": TuningProtocol(
        head_lrs=(0.8,),  # 0.2 * 1024 / 256
        epochs=(140,),
        batch_size=1024,
        milestones=(80, 100, 120),
        ours=("lrs",),
        **_RYALI,
    ),
    "ryali-swav-1": TuningProtocol(lrs=(0.02,), head_lrs=(5.0,), **_SWAV),  # A.1.4: as SwAV's code
    "ryali-swav-10": TuningProtocol(lrs=(0.01,), head_lrs=(0.2,), **_SWAV),
    "swav-1": TuningProtocol(lrs=(0.02,), head_lrs=(5.0,), **_SWAV),
    "swav-10": TuningProtocol(lrs=(0.01,), head_lrs=(0.2,), **_SWAV),
    "relicv2-1": TuningProtocol(lrs=(0.04,), head_lrs=(10.0,), batch_size=2048, **_RELICV2),
    "relicv2-10": TuningProtocol(
        lrs=(0.004,), head_lrs=(0.3,), batch_size=512, weight_decay=1e-5, **_RELICV2
    ),
    "byol": TuningProtocol(
        source="BYOL, C.1: semi-supervised, rates times batch / 256 as in its code",
        lrs=tuple(lr * 4 for lr in _BYOL),
        epochs=(30, 50),
        batch_size=1024,
        interpolation="bicubic",
    ),
    "simclr-1": TuningProtocol(lrs=(0.8,), epochs=(60,), **_SIMCLR),
    "simclr-10": TuningProtocol(lrs=(0.8,), epochs=(30,), **_SIMCLR),
    "transfer": TuningProtocol(
        source="SimCLR, B.8.1; BYOL, D.3: transfer",
        lrs=tuple(round(10 ** (-4 + power / 2), 7) for power in range(7)),
        steps=20_000,
        interpolation="bicubic",  # BYOL; SimCLR says nothing
        refit=True,
        ours=("weight_decay",),
    ),
}


def find_tuning_protocol(name: str, **changes: Any) -> TuningProtocol:
    """A protocol by name, with values in the place of its own where they are neither None nor empty.

    With other epochs, milestones and warm-up move along.

    Raises:
        UsageError: there is no such protocol.

    Example:
        >>> from maskgen.trainers.evaluations.finetune.protocols import find_tuning_protocol
        >>> [str(trial) for trial in find_tuning_protocol("swav-1", lrs=(0.01, 0.02)).trials()]
        ['lr 0.01 head 5 epochs 20', 'lr 0.02 head 5 epochs 20']
    """
    if name == "msr":
        raise UsageError(
            "MSR publishes no fine-tuning of a classifier",
            cause="its transfer is Mask R-CNN in Detectron2 (section 4.2)",
            remedy="train-ssl export --format detectron2 for that, or another --protocol here",
        )
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}", remedy=nearest(name, list(PROTOCOLS)))
    found = PROTOCOLS[name]
    given = {field: value for field, value in changes.items() if value not in (None, ())}
    if "epochs" in given:
        first = given["epochs"][0] / found.epochs[0]
        given |= {"steps": 0, "milestones": tuple(round(mark * first) for mark in found.milestones)}
        given["warmup_epochs"] = found.warmup_epochs * first
    return dataclasses.replace(found, **given)
