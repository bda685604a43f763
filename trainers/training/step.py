"""One training step, and what a run is between two steps."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from maskgen.errors import MaskgenError
from maskgen.loaders.batch import Batch

from ..data.batch import Views, to_device
from ..distributed.ranks import rank, synchronize_batchnorm, world
from ..methods import METHODS, Method, Progress, StepOutput
from ..optim.optimizers import build_optimizer, set_rate
from ..optim.schedules import LearningRate, build_schedule
from ..presets import Preset
from ..settings import Settings
from .memory import save_memory

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
_MASK64 = 2**64 - 1


@dataclass
class Training:
    """All that changes from step to step, and what it takes to make one.

    Args:
        method: the networks, with their queues and counters.
        model: the method, or DDP around it.
        optimizer: over its parameters.
        scaler: of the loss; does nothing but with fp16.
        rate: learning rate by step.
        preset: of the run.
        settings: of the run.
        device: where it all lies.
        step: optimizer steps done.
    """

    method: Method
    model: nn.Module
    optimizer: Optimizer
    scaler: GradScaler
    rate: LearningRate
    preset: Preset
    settings: Settings
    device: torch.device
    step: int = 0

    def __post_init__(self) -> None:
        self._lost = torch.zeros((), dtype=torch.bool, device=self.device)

    @property
    def progress(self) -> Progress:
        """Where the next step stands."""
        return Progress(self.step, self.rate.steps, self.rate.epoch_at(self.step), self.settings.seed)

    @property
    def half(self) -> torch.dtype | None:
        """What autocast computes in; None without it."""
        return _HALF.get(self.settings.chosen_precision)

    def state(self) -> dict[str, Any]:
        """Tensors and plain values, complete between steps but for the loader."""
        return {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "schedule": {"step": self.step, "steps": self.rate.steps, "lr": self.rate.at(self.step)},
            "rng": {"seed": self.settings.seed, "step": self.step},  # each step seeds its own, see seed_step
        }

    def load(self, state: dict[str, Any]) -> None:
        """The inverse of `state`, on any number of ranks."""
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.step = state["schedule"]["step"]

    def check(self, *, weights: bool = False) -> None:
        """Refuse to go on after a loss that was no number, or to save weights that are none.

        Args:
            weights: look at parameters and buffers too: the step that ruins them still has a sound loss.

        Raises:
            MaskgenError: there was one since the last look.
        """
        held = [t for t in self.method.state_dict().values() if t.is_floating_point()] if weights else []
        corrupted = held and not torch.stack([t.isfinite().all() for t in held]).all()
        if bool(self._lost) or corrupted:
            raise self.divergence_error("the loss or the weights")

    def divergence_error(self, what: str) -> MaskgenError:
        """The error that ends a run whose numbers are lost."""
        return MaskgenError(
            f"{what} became infinite or no number, at step {self.step} or shortly before",
            cause="the learning rate is too high, or fp16 too narrow",
            remedy="a lower lr, a longer warm-up, clip_norm, or --precision bf16, and another --output; "
            "nothing was saved at this step",
        )

    def note(self, loss: Tensor) -> None:
        """Remember a scalar loss that is no number, without waiting for the device."""
        self._lost |= ~torch.isfinite(loss.detach())


def prepare(
    preset: Preset, settings: Settings, device: torch.device, *, steps_per_epoch: int, classes: int
) -> Training:
    """A run before its first step, its weights drawn from the seed, the same on all ranks.

    Args:
        preset: of the run.
        settings: of the run.
        device: to train on.
        steps_per_epoch: of the loader.
        classes: of the labels, for the supervised control.
    """
    torch.manual_seed(settings.seed)
    method = METHODS[preset.method](preset, classes=classes).to(device)
    if settings.channels_last:
        method.to(memory_format=torch.channels_last)
    per_rank = preset.batch_size // (world() * settings.accumulate)
    synchronize_batchnorm(method, preset.sync_batchnorm, per_rank)
    save_memory(method, settings)
    model: nn.Module = method
    if world() > 1:
        model = nn.parallel.DistributedDataParallel(
            method, device_ids=[device] if device.type == "cuda" else None, broadcast_buffers=False
        )
    scaler = GradScaler(device.type, enabled=settings.chosen_precision == "fp16")
    rate = build_schedule(preset, steps_per_epoch)
    return Training(method, model, build_optimizer(method, preset), scaler, rate, preset, settings, device)


def seed_step(seed: int, step: int, number: int) -> None:
    """Seed torch for a step on a rank.

    Whatever draws in it repeats after a resume, and no state need be saved.
    """
    mixed = (
        seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + number * 0x94D049BB133111EB + 1
    ) & _MASK64
    torch.manual_seed(mixed ^ (mixed >> 31))


def train_step(training: Training, batch: Batch) -> StepOutput:
    """One optimizer step on a rank's batch.

    With fp16, a step whose gradients overflow is given up: it counts, but neither the optimizer nor the
    method's second half sees it.
    """
    progress = training.progress
    seed_step(training.settings.seed, training.step, rank())
    set_rate(training.optimizer, training.rate.at(training.step), training.rate.peak)
    dtype = training.half if training.half and training.device.type == "cuda" else torch.float32
    views = to_device(batch, training.device, dtype, channels_last=training.settings.channels_last)
    training.method.before_step(progress)
    training.optimizer.zero_grad(set_to_none=True)
    output = _forward_backward(training, views, progress)
    if _update(training):
        training.method.after_step(progress)
        training.note(output.loss)
    training.step += 1
    return output


def _forward_backward(training: Training, views: Views, progress: Progress) -> StepOutput:
    """Gradients of the mean loss of all parts of a batch; the last part's exchange them among ranks."""
    parts, size = training.settings.losses, len(views)
    outputs = []
    for part in range(parts):
        rows = slice_rows(views, size * part // parts, size * (part + 1) // parts) if parts > 1 else views
        apart = part < parts - 1 and isinstance(training.model, nn.parallel.DistributedDataParallel)
        with training.model.no_sync() if apart else contextlib.nullcontext():  # type: ignore[operator]
            with torch.autocast(training.device.type, training.half, enabled=training.half is not None):
                output = training.model(rows, progress)
            training.scaler.scale(output.loss / parts).backward()
        outputs.append(output)
    return _mean(outputs)


def slice_rows(views: Views, start: int, end: int) -> Views:
    """Rows start..end-1 of everything in a batch."""
    return replace(
        views, **{field.name: _cut(getattr(views, field.name), start, end) for field in fields(views)}
    )


def _cut(value: Any, start: int, end: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_cut(one, start, end) for one in value)
    return value[start:end] if isinstance(value, Tensor) else value


def _mean(outputs: list[StepOutput]) -> StepOutput:
    loss = torch.stack([output.loss.detach() for output in outputs]).mean()
    names = outputs[0].metrics
    return StepOutput(loss, {n: torch.stack([output.metrics[n] for output in outputs]).mean() for n in names})


def _update(training: Training) -> bool:
    """Clip, step; whether the step was taken."""
    training.scaler.unscale_(training.optimizer)
    if training.preset.clip_norm:
        nn.utils.clip_grad_norm_(training.method.parameters(), training.preset.clip_norm)
    before = training.scaler.get_scale()
    training.scaler.step(training.optimizer)
    training.scaler.update()
    return training.scaler.get_scale() >= before
