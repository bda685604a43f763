"""Learning rates as functions of the step number: nothing to save, nothing to drift."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from maskgen.errors import UsageError

from ..presets import Preset

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
        steps_per_epoch: from 1.
        kind: one of `KINDS`.
        final: where a cosine ends.
        warmup_start: where the warm-up begins.
        warmup_epochs: its length; may be a fraction.
        milestones: epochs at which ``steps`` falls.
        decay: by this factor.

    Raises:
        UsageError: no such kind, or the warm-up is longer than the run.
    """

    peak: float
    epochs: int
    steps_per_epoch: int
    kind: str = "cosine step"
    final: float = 0.0
    warmup_start: float = 0.0
    warmup_epochs: float = 0.0
    milestones: tuple[int, ...] = ()
    decay: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"unknown schedule {self.kind!r}", remedy=f"one of {', '.join(KINDS)}")
        if self.warmup_epochs > self.epochs:
            raise UsageError(
                f"{self.warmup_epochs:g} epochs of warm-up in a run of {self.epochs}",
                remedy="set warmup_epochs=0, or more epochs",
            )

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.epochs * self.steps_per_epoch

    def at(self, step: int) -> float:
        """The rate for a step, from 0."""
        warmup = self.warmup_epochs * self.steps_per_epoch
        if step < warmup:
            return self.warmup_start + (self.peak - self.warmup_start) * step / warmup
        if self.kind == "constant":
            return self.peak
        epoch = step // self.steps_per_epoch
        if self.kind == "steps":
            return self.peak * self.decay ** sum(epoch >= milestone for milestone in self.milestones)
        done = epoch * self.steps_per_epoch if self.kind == "cosine epoch" else step
        t = min(max(done - warmup, 0.0) / max(self.steps - warmup, 1.0), 1.0)
        return self.final + (self.peak - self.final) * (1 + cos(pi * t)) / 2


def build_schedule(preset: Preset, steps_per_epoch: int) -> LearningRate:
    """The learning rate that a preset asks for, scaled by its batch size where it says so."""
    return LearningRate(
        peak=preset.peak_lr,
        epochs=preset.epochs,
        steps_per_epoch=steps_per_epoch,
        kind=preset.schedule,
        final=preset.lr_final * preset.lr_factor,
        warmup_start=preset.warmup_start * preset.lr_factor,
        warmup_epochs=preset.warmup_epochs,
        milestones=preset.milestones,
        decay=preset.decay,
    )
