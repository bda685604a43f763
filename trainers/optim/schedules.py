"""Learning rates as functions of the step number: nothing to save, nothing to drift."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import cos, pi

from maskgen.errors import UsageError

from ..presets import Preset

_ROUNDING = 1e-9
"""Of a product of epochs and steps that is a whole number."""
KINDS = ("cosine step", "cosine epoch", "steps", "constant")


@dataclass(frozen=True, kw_only=True)
class LearningRate:
    """A linear warm-up per step, then a fall.

    The warm-up begins at `warmup_start` and meets `peak` at its last step's end (BYOL's code; SwAV's reaches
    it one step earlier). ``cosine step`` then is final + (peak - final) (1 + cos(pi t)) / 2 with t from 0 at
    the end of the warm-up to 1 behind the last step (SGDR, Loshchilov and Hutter 2017, eq. 5, without
    restarts); ``cosine epoch`` holds its value for an epoch, as MoCo's code; ``steps`` multiplies by `decay`
    at each milestone.

    Args:
        peak: the highest rate.
        epochs: of the run.
        steps_per_epoch: above 0; a fraction where an epoch is a number of images that no batch divides.
        kind: one of `KINDS`.
        final: where a cosine ends.
        warmup_start: where the warm-up begins.
        warmup_epochs: its length; may be a fraction.
        milestones: epochs at which ``steps`` falls.
        decay: by this factor.
        total: steps of the run; 0: as many whole ones as its epochs have.

    Raises:
        UsageError: no such kind, no step at all, or the warm-up is longer than the run.
    """

    peak: float
    epochs: int
    steps_per_epoch: int | Fraction
    kind: str = "cosine step"
    final: float = 0.0
    warmup_start: float = 0.0
    warmup_epochs: float = 0.0
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    total: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"unknown schedule {self.kind!r}", remedy=f"one of {', '.join(KINDS)}")
        if self.epochs and self.steps < 1:
            raise UsageError(
                f"{self.epochs} epochs of {float(self.steps_per_epoch):g} steps are no step",
                remedy="set a smaller batch_size, or more epochs",
            )
        if self.warmup_steps > self.steps:
            raise UsageError(
                f"{self.warmup_epochs:g} epochs of warm-up in a run of "
                f"{float(self.steps / self.steps_per_epoch):g}",
                remedy="set warmup_epochs=0, or more epochs",
            )

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.total or int(self.epochs * self.steps_per_epoch)

    @property
    def warmup_steps(self) -> int:
        """Whole steps of the warm-up."""
        return int(self.warmup_epochs * self.steps_per_epoch + _ROUNDING)

    def epoch_at(self, step: int) -> float:
        """Epochs done after so many steps, with the fraction of the current one."""
        return float(step / self.steps_per_epoch)

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch, or the run, is done after so many steps and was not before the last of them."""
        whole = self.steps_per_epoch
        return step == self.steps or step // whole > (step - 1) // whole

    def at(self, step: int) -> float:
        """The rate for a step, from 0."""
        warmup = self.warmup_steps
        if step < warmup:
            return self.warmup_start + (self.peak - self.warmup_start) * step / warmup
        if self.kind == "constant":
            return self.peak
        epoch = step // self.steps_per_epoch
        if self.kind == "steps":
            return self.peak * self.decay ** sum(epoch >= milestone for milestone in self.milestones)
        done = float(epoch * self.steps_per_epoch) if self.kind == "cosine epoch" else step
        t = min(max(done - warmup, 0.0) / max(self.steps - warmup, 1.0), 1.0)
        return self.final + (self.peak - self.final) * (1 + cos(pi * t)) / 2


def build_schedule(preset: Preset, steps_per_epoch: int) -> LearningRate:
    """The learning rate that a preset asks for, scaled by its batch size where it says so.

    Args:
        preset: of the run.
        steps_per_epoch: of the loader; what an epoch is unless the preset says how many images one is.

    Example:
        >>> from maskgen.trainers import find_preset
        >>> from maskgen.trainers.optim.schedules import build_schedule
        >>> rate = build_schedule(find_preset("relicv2", "jft-1000"), steps_per_epoch=73_242)
        >>> rate.steps, rate.warmup_steps
        (312784, 3127)
    """
    own = Fraction(preset.epoch_images, preset.batch_size)
    return LearningRate(
        peak=preset.peak_lr,
        epochs=preset.epochs,
        steps_per_epoch=own or steps_per_epoch,
        total=preset.steps,
        kind=preset.schedule,
        final=preset.lr_final * preset.lr_factor,
        warmup_start=preset.warmup_start * preset.lr_factor,
        warmup_epochs=preset.warmup_epochs,
        milestones=preset.milestones,
        decay=preset.decay,
    )
